// Greets somebody. It is called with its inputs as one JSON object on standard input, and appends its outputs to a file,
// one JSON object a line. What it prints is its log.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

type inputs struct {
	Name string `json:"name"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var in inputs
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		return err
	}
	text, err := greet(in.Name)
	if err != nil {
		return err
	}
	fmt.Println("greeting", in.Name)
	return output("text", text)
}

func greet(name string) (string, error) {
	if name == "" {
		return "", errors.New("`name` is empty")
	}
	return "Hello, " + name + "!", nil
}

// output hands over one output.
func output(name string, value any) error {
	file, err := os.OpenFile(os.Getenv("STEPWELL_OUTPUT_FILE"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	line := map[string]any{"name": name, "value": value}
	return errors.Join(json.NewEncoder(file).Encode(line), file.Close())
}
