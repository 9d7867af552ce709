// Greets somebody.

import { emit } from "stepwell:step/log@0.1.0";

/** Is called with the inputs as a list of `{ name, value: { tag, val } }`, and returns outputs in the same form. */
export function run(inputs) {
  const values = Object.fromEntries(inputs.map(({ name, value }) => [name, value.val]));
  if (values.name === "") {
    throw { kind: "invalid-input", message: "`name` is empty", causes: [], hint: undefined };
  }
  emit("info", `greeting ${values.name}`, []);
  const text = `Hello, ${values.name}!`;
  return { outputs: [{ name: "text", value: { tag: "text", val: text } }], exports: [] };
}
