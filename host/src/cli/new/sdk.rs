//! The SDK for Rust, as it was when this program was built.

// `FILES`: path and text of each file, with manifests that need no workspace.
include!(concat!(env!("OUT_DIR"), "/sdk.rs"));

#[cfg(test)]
mod tests {
    use super::FILES;

    #[test]
    fn the_sdk_is_whole() {
        for path in ["Cargo.toml", "src/lib.rs", "macros/Cargo.toml", "macros/src/lib.rs", "wit/0.1.0/step.wit"] {
            assert!(FILES.iter().any(|(known, _)| *known == path), "{path}");
        }
        for (path, text) in FILES.iter().filter(|(path, _)| path.ends_with("Cargo.toml")) {
            assert!(!text.contains("workspace = true"), "{path}");
        }
    }
}
