"""Greets somebody."""

import wit_world
from componentize_py_types import Err
from wit_world.imports import log, types


class WitWorld(wit_world.WitWorld):
    """What the engine calls: `run` gets the inputs as a list of names and values, and returns outputs and exports."""

    def run(self, inputs):
        values = {item.name: item.value.value for item in inputs}
        if values["name"] == "":
            raise Err(types.Failure(types.FailureKind.INVALID_INPUT, "`name` is empty", [], None))
        log.emit(log.Level.INFO, f"greeting {values['name']}", [])
        text = types.Value_Text(f"Hello, {values['name']}!")
        return types.Completion([types.Item("text", text)], [])
