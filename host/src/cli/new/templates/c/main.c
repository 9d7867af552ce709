// Greets somebody. Inputs that are one text, number or truth value are variables of the environment, all of them are one
// JSON object on standard input. Outputs are appended to a file, one JSON object a line. What is printed is the log.

#include <stdio.h>
#include <stdlib.h>

// Writes a text as JSON has it.
static void write_text(FILE *file, const char *text) {
    fputc('"', file);
    for (const unsigned char *at = (const unsigned char *)text; *at != 0; at++) {
        if (*at == '"' || *at == '\\') {
            fprintf(file, "\\%c", *at);
        } else if (*at < 0x20) {
            fprintf(file, "\\u%04x", *at);
        } else {
            fputc(*at, file);
        }
    }
    fputc('"', file);
}

// Hands over `Hello, NAME!` as the output `text`. Returns whether it could be written.
static int hand_over_greeting(const char *name) {
    const char *path = getenv("STEPWELL_OUTPUT_FILE");
    FILE *file = path == NULL ? NULL : fopen(path, "a");
    if (file == NULL) {
        return 0;
    }
    size_t length = (size_t)snprintf(NULL, 0, "Hello, %s!", name) + 1;
    char *text = malloc(length);
    if (text != NULL) {
        snprintf(text, length, "Hello, %s!", name);
        fputs("{\"name\":\"text\",\"value\":", file);
        write_text(file, text);
        fputs("}\n", file);
        free(text);
    }
    return fclose(file) == 0 && text != NULL;
}

int main(void) {
    const char *name = getenv("STEPWELL_INPUT_NAME");
    if (name == NULL || *name == 0) {
        fputs("`name` is empty\n", stderr);
        return 1;
    }
    printf("greeting %s\n", name);
    if (!hand_over_greeting(name)) {
        fputs("the output cannot be written\n", stderr);
        return 1;
    }
    return 0;
}
