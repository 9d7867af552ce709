package main

import "testing"

func TestGreets(t *testing.T) {
	text, err := greet("Ada")
	if text != "Hello, Ada!" || err != nil {
		t.Fatalf("got %q, %v", text, err)
	}
}
