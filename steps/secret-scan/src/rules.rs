//! The rules: what secrets look like, as scanners of the field know them.

use aho_corasick::AhoCorasick;
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;
use stepwell_sdk::Failure;

/// Memory that a compiled rule may take, in bytes; the shipped ones stay below a tenth.
const MAX_REGEX_BYTES: usize = 4 * 1024 * 1024;

/// Most rules of a job; each of them costs time for each file.
const MAX_OWN_RULES: usize = 200;

/// A rule that is shipped: its identifier, what it finds, words of which one stands in each finding, the expression whose
/// first group (or all of it) is the secret, and the bits for each character that it has at least.
struct Shipped {
    id: &'static str,
    description: &'static str,
    keywords: &'static [&'static str],
    regex: &'static str,
    entropy: f64,
}

const fn rule(
    id: &'static str,
    description: &'static str,
    keywords: &'static [&'static str],
    regex: &'static str,
    entropy: f64,
) -> Shipped {
    Shipped { id, description, keywords, regex, entropy }
}

/// The rules, those last that guess by the name of a variable: they yield to each other rule at the same place.
const SHIPPED: [Shipped; 28] = [
    rule(
        "aws-access-key",
        "AWS access key",
        &["a3t", "akia", "asia", "abia", "acca"],
        r"\b((?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})\b",
        3.0,
    ),
    rule(
        "aws-secret-key",
        "AWS secret access key",
        &["aws"],
        r#"(?i)aws[a-z0-9_ .\-]{0,30}(?:secret|key)[a-z0-9_ .\-]{0,20}["']?\s{0,5}(?:=>|=|:)\s{0,5}["']?([a-z0-9/+]{40})(?:[^a-z0-9/+=]|$)"#,
        4.0,
    ),
    rule("anthropic-key", "Anthropic API key", &["sk-ant-"], r"\b(sk-ant-[a-z0-9]{2,10}-[A-Za-z0-9_\-]{80,120})", 3.5),
    rule("azure-storage-key", "Azure storage account key", &["accountkey"], r"(?i)AccountKey=([a-z0-9+/]{86}==)", 4.0),
    rule(
        "digitalocean-token",
        "DigitalOcean token",
        &["dop_v1_", "doo_v1_", "dor_v1_"],
        r"\b(do[opr]_v1_[a-f0-9]{64})\b",
        3.0,
    ),
    rule("docker-token", "Docker Hub access token", &["dckr_pat_"], r"\b(dckr_pat_[A-Za-z0-9_\-]{27,40})", 3.0),
    rule(
        "github-token",
        "GitHub token",
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        r"\b(gh[pousr]_[A-Za-z0-9]{36,255})\b",
        3.0,
    ),
    rule(
        "github-fine-grained-token",
        "GitHub fine-grained personal access token",
        &["github_pat_"],
        r"\b(github_pat_[A-Za-z0-9_]{82})\b",
        3.0,
    ),
    rule(
        "gitlab-personal-token",
        "GitLab personal, group or project access token",
        &["glpat-"],
        r"\b(glpat-[A-Za-z0-9_\-]{20,300}(?:\.[A-Za-z0-9_\-]{2,20}){0,3})",
        3.0,
    ),
    rule("gitlab-deploy-token", "GitLab deploy token", &["gldt-"], r"\b(gldt-[A-Za-z0-9_\-]{20,100})", 3.0),
    rule(
        "gitlab-runner-token",
        "GitLab runner token",
        &["glrt-", "gr1348941"],
        r"\b((?:glrt-|GR1348941)[A-Za-z0-9_\-]{20,100}(?:\.[A-Za-z0-9_\-]{2,20}){0,3})",
        3.0,
    ),
    rule(
        "gitlab-job-token",
        "GitLab job token",
        &["glcbt-"],
        r"\b(glcbt-[A-Za-z0-9]{1,5}_[A-Za-z0-9_\-]{20,100})",
        3.0,
    ),
    rule("gitlab-trigger-token", "GitLab pipeline trigger token", &["glptt-"], r"\b(glptt-[a-f0-9]{40})\b", 3.0),
    rule(
        "gitlab-other-token",
        "GitLab feed, mail, agent, OAuth, SCIM or feature token",
        &["glft-", "glimt-", "glagent-", "gloas-", "glsoat-", "glffct-"],
        r"\b(gl(?:ft|imt|agent|oas|soat|ffct)-[A-Za-z0-9_\-]{20,100})",
        3.0,
    ),
    rule("google-api-key", "Google API key", &["aiza"], r"\b(AIza[A-Za-z0-9_\-]{35})(?:[^A-Za-z0-9_\-]|$)", 3.5),
    rule("hugging-face-token", "Hugging Face token", &["hf_"], r"\b(hf_[A-Za-z]{34})\b", 3.5),
    rule("npm-token", "npm access token", &["npm_"], r"\b(npm_[A-Za-z0-9]{36})\b", 3.0),
    rule(
        "openai-key",
        "OpenAI API key",
        &["t3blbkfj"],
        r"\b(sk-[A-Za-z0-9_\-]{16,100}T3BlbkFJ[A-Za-z0-9_\-]{16,100})",
        3.5,
    ),
    rule(
        "private-key",
        "private key",
        &["private key"],
        r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----([A-Za-z0-9+/=\\\s:,\-]{64,400})",
        3.0,
    ),
    rule(
        "pypi-token",
        "PyPI upload token",
        &["pypi-ageichlwas5vcmc"],
        r"\b(pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_\-]{50,400})",
        3.0,
    ),
    rule(
        "sendgrid-key",
        "SendGrid API key",
        &["sg."],
        r"\b(SG\.[A-Za-z0-9_\-]{22}\.[A-Za-z0-9_\-]{43})(?:[^A-Za-z0-9_\-]|$)",
        3.5,
    ),
    rule(
        "slack-token",
        "Slack token",
        &["xox", "xapp-"],
        r"\b((?:xox[abceoprs]|xapp)-(?:[A-Za-z0-9]{1,20}-){1,5}[A-Za-z0-9]{20,200})\b",
        3.0,
    ),
    rule(
        "slack-webhook",
        "Slack webhook",
        &["hooks.slack.com"],
        r"(https://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{40,60})",
        3.0,
    ),
    rule(
        "stripe-key",
        "Stripe API key",
        &["sk_live_", "rk_live_", "sk_test_", "rk_test_"],
        r"\b([rs]k_(?:live|test)_[A-Za-z0-9]{20,120})\b",
        3.0,
    ),
    rule("vault-token", "HashiCorp Vault token", &["hvs.", "hvb."], r"\b(hv[sb]\.[A-Za-z0-9_\-]{80,300})", 3.5),
    rule(
        "jwt",
        "JSON web token",
        &["eyj"],
        r"\b(eyJ[A-Za-z0-9_\-]{10,2000}\.eyJ[A-Za-z0-9_\-]{10,4000}\.[A-Za-z0-9_\-]{16,1000})",
        3.5,
    ),
    rule(
        URL,
        "password in a URL",
        &["://"],
        r#"(?i)\b[a-z][a-z0-9+.\-]{1,20}://[^\s:@/"'<>]{1,100}:([^\s:@/"'<>$\{}\[\]()*]{6,100})@[a-z0-9]"#,
        2.5,
    ),
    rule(
        GENERIC,
        "value that looks like a secret",
        &["key", "secret", "token", "passw", "credential", "auth"],
        r#"(?i)(?:api_?-?key|access_?-?key|auth_?-?key|secret|token|passwd|password|credential|auth)[a-z0-9_.\-]{0,20}["']?\s{0,5}(?::=|=>|=|:)\s{0,5}["'`]([a-z0-9_+/=.~!@%^&*\-]{12,160})["'`]"#,
        3.5,
    ),
];

/// The rule of passwords in URLs.
const URL: &str = "url-password";

/// The rule that guesses by the name of a variable.
const GENERIC: &str = "generic-secret";

/// Words that stand in place of any secret, in lower case.
const PLACEHOLDERS: [&str; 8] = ["example", "placeholder", "redacted", "your_", "your-", "xxxx", "****", "...."];

/// Words that stand in place of a password, in lower case. A token may have one of these by chance.
const STAND_INS: [&str; 7] = ["changeme", "change_me", "dummy", "1234567", "abcdef", "notasecret", "not-a-secret"];

/// Passwords that are none, in lower case.
const COMMON: [&str; 6] = ["password", "passwd", "secret", "postgres", "username", "mypassword"];

/// A rule of the job.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnRule {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) description: String,
    pub(crate) regex: String,
    #[serde(default)]
    pub(crate) keywords: Vec<String>,
    #[serde(default)]
    pub(crate) entropy: f64,
}

/// A rule that is ready.
#[derive(Debug)]
struct Rule {
    id: String,
    description: String,
    regex: Regex,
    entropy: f64,
    /// Whether it needs no keyword.
    always: bool,
}

/// All rules, and the words that tell which of them a text may match.
#[derive(Debug)]
pub(crate) struct Rules {
    rules: Vec<Rule>,
    keywords: AhoCorasick,
    /// For each keyword its rule.
    rule_of: Vec<usize>,
}

impl Rules {
    /// Returns the shipped rules and those of the job.
    ///
    /// # Errors
    ///
    /// A failure that names the rule of the job that cannot be used.
    pub(crate) fn new(own: &[OwnRule]) -> Result<Self, Failure> {
        if own.len() > MAX_OWN_RULES {
            return Err(Failure::invalid_input(format!("input `rules` has more than {MAX_OWN_RULES} elements")));
        }
        let mut rules = Vec::new();
        let mut keywords = Vec::new();
        let mut rule_of = Vec::new();
        // Those of the job first: they know better than the ones that guess.
        for given in own {
            check(given, &rules)?;
            rules.push(Rule {
                id: given.id.clone(),
                description: if given.description.is_empty() { given.id.clone() } else { given.description.clone() },
                regex: compile(&given.regex).map_err(|error| wrong(given, &format!("its regex: {error}")))?,
                entropy: given.entropy,
                always: given.keywords.is_empty(),
            });
            keywords.extend(given.keywords.iter().cloned());
            rule_of.resize(keywords.len(), rules.len() - 1);
        }
        for shipped in SHIPPED {
            let regex = compile(shipped.regex)
                .map_err(|error| Failure::internal(format!("rule `{}`", shipped.id)).caused_by(&error))?;
            let (id, description) = (shipped.id.to_owned(), shipped.description.to_owned());
            rules.push(Rule { id, description, regex, entropy: shipped.entropy, always: false });
            keywords.extend(shipped.keywords.iter().map(|keyword| (*keyword).to_owned()));
            rule_of.resize(keywords.len(), rules.len() - 1);
        }
        let keywords = AhoCorasick::builder().ascii_case_insensitive(true).build(keywords)?;
        Ok(Self { rules, keywords, rule_of })
    }

    /// Iterates over identifiers and descriptions.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rules.iter().map(|rule| (rule.id.as_str(), rule.description.as_str()))
    }

    /// Returns whether there is a rule of that name.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.rules.iter().any(|rule| rule.id == id)
    }

    /// Returns the identifier of the rule at a place.
    pub(crate) fn id(&self, rule: usize) -> &str {
        &self.rules[rule].id
    }

    /// Returns what the rule at a place finds.
    pub(crate) fn description(&self, rule: usize) -> &str {
        &self.rules[rule].description
    }

    /// Calls `found` with the place of the rule, the start of the match and the range of the secret, for each match in a
    /// text. Rules that come first win where secrets overlap.
    pub(crate) fn find(&self, text: &[u8], mut found: impl FnMut(usize, usize, std::ops::Range<usize>)) {
        let may_match = self.may_match(text);
        let mut taken: Vec<std::ops::Range<usize>> = Vec::new();
        for (place, rule) in self.rules.iter().enumerate().filter(|(place, _)| may_match[*place]) {
            for groups in rule.regex.captures_iter(text) {
                let Some(all) = groups.get(0) else { continue };
                let secret = groups.get(1).unwrap_or(all).range();
                let overlaps = |range: &std::ops::Range<usize>| range.start < secret.end && secret.start < range.end;
                if is_secret(rule, &text[secret.clone()]) && !taken.iter().any(overlaps) {
                    taken.push(secret.clone());
                    found(place, all.start(), secret);
                }
            }
        }
    }

    /// Returns for each rule whether one of its keywords stands in a text.
    fn may_match(&self, text: &[u8]) -> Vec<bool> {
        let mut may: Vec<_> = self.rules.iter().map(|rule| rule.always).collect();
        for hit in self.keywords.find_overlapping_iter(text) {
            may[self.rule_of[hit.pattern().as_usize()]] = true;
        }
        may
    }
}

fn compile(regex: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(regex).unicode(false).size_limit(MAX_REGEX_BYTES).build()
}

fn check(rule: &OwnRule, before: &[Rule]) -> Result<(), Failure> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let known = |id: &str| before.iter().any(|rule| rule.id == id) || SHIPPED.iter().any(|rule| rule.id == id);
    if rule.id.is_empty() || rule.id.len() > 100 || !rule.id.bytes().all(plain) {
        return Err(wrong(rule, "its id is not one to 100 letters, digits, `-`, `_` and `.`"));
    }
    if known(&rule.id) {
        return Err(wrong(rule, "there is one of that id already"));
    }
    if rule.keywords.iter().any(String::is_empty) {
        return Err(wrong(rule, "a keyword is empty"));
    }
    Ok(())
}

fn wrong(rule: &OwnRule, problem: &str) -> Failure {
    Failure::invalid_input(format!("input `rules`, rule `{:.100}`: {problem}", rule.id))
}

/// Returns whether what a rule found can be a secret.
fn is_secret(rule: &Rule, secret: &[u8]) -> bool {
    if secret.is_empty() || entropy(secret) < rule.entropy {
        return false;
    }
    let lower = String::from_utf8_lossy(secret).to_ascii_lowercase();
    // A password has letters and digits; a name or a path rarely has.
    let mixed = secret.iter().any(u8::is_ascii_digit) && secret.iter().any(u8::is_ascii_alphabetic);
    let is_generic = rule.id == GENERIC;
    let is_placeholder = PLACEHOLDERS.iter().any(|word| lower.contains(word));
    let is_stand_in = COMMON.contains(&lower.as_str()) || STAND_INS.iter().any(|word| lower.contains(word));
    !is_placeholder && !((is_generic || rule.id == URL) && is_stand_in) && (!is_generic || mixed)
}

/// Returns the bits for each character, by how often each occurs.
fn entropy(text: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    text.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let share = |count: &u32| f64::from(*count) / text.len() as f64;
    counts.iter().filter(|count| **count > 0).map(|count| -share(count) * share(count).log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_texts() {
        #[track_caller]
        fn check(text: &str, expected: f64) {
            assert!((entropy(text.as_bytes()) - expected).abs() < 0.001, "{}", entropy(text.as_bytes()));
        }
        check("aaaa", 0.0);
        check("abab", 1.0);
        check("0123456789abcdef", 4.0);
    }
}
