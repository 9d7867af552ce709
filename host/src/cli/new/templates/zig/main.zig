//! Greets somebody. Inputs that are one text, number or truth value are variables of the environment, all of them are one
//! JSON object on standard input. Outputs are appended to a file, one JSON object a line. What is printed is the log.

const std = @import("std");

pub fn main(init: std.process.Init) !void {
    const name = init.environ_map.get("STEPWELL_INPUT_NAME") orelse "";
    if (name.len == 0) {
        std.debug.print("`name` is empty\n", .{});
        std.process.exit(1);
    }
    std.debug.print("greeting {s}\n", .{name});
    // The library knows a path by the folder that was handed in: of `/out/outputs` that is `/out`.
    const path = init.environ_map.get("STEPWELL_OUTPUT_FILE") orelse return error.NoOutputFile;
    const folder = init.preopens.get(std.fs.path.dirname(path) orelse "/") orelse return error.NoOutputFile;
    const file = try folder.dir.openFile(init.io, std.fs.path.basename(path), .{ .mode = .write_only });
    defer file.close(init.io);
    const arena = init.arena.allocator();
    const text = try std.fmt.allocPrint(arena, "Hello, {s}!", .{name});
    const line = try std.fmt.allocPrint(arena, "{f}\n", .{std.json.fmt(.{ .name = "text", .value = text }, .{})});
    try file.writeStreamingAll(init.io, line);
}
