//! The stable identifiers of the problems that this crate reports.

/// A text that is no policy.
pub const POLICY_SYNTAX: &str = "policy-syntax";
/// A policy about something that the schema does not have.
pub const POLICY_SCHEMA: &str = "policy-schema";
/// A policy that is fine by the schema but hardly meant so.
pub const POLICY_ODD: &str = "policy-odd";
/// A policy with slots.
pub const POLICY_TEMPLATE: &str = "policy-template";
/// An identifier that is no identifier, or stands twice.
pub const POLICY_ID: &str = "policy-id";
/// A settings file that is no TOML.
pub const SETTINGS_SYNTAX: &str = "settings-syntax";
/// A key that settings or expectations do not have.
pub const UNKNOWN_SETTING: &str = "unknown-setting";
/// A value that a setting cannot have.
pub const SETTING_VALUE: &str = "setting-value";
