//! The variables that GitLab predefines, as far as they can be known without it.

use std::path::Path;

use jiff::Timestamp;
use stepwell_resolve::git::checkout::Checkout;
use stepwell_schema::pipeline::PipelineJob;

/// Longest text that GitLab makes of a name for use in a host name.
const MAX_SLUG: usize = 63;

/// Returns names and values; what is not known is left out rather than empty.
pub(super) fn variables(
    checkout: Option<&Checkout>,
    file: &Path,
    work_dir: &Path,
    job: &PipelineJob,
) -> Vec<(String, String)> {
    let mut variables = Variables(Vec::new());
    variables.set("CI", "true");
    variables.set("CI_CONFIG_PATH", file.to_string_lossy());
    variables.set("CI_JOB_NAME", &job.name);
    variables.set("CI_JOB_NAME_SLUG", slug(&job.name));
    variables.set("CI_JOB_STAGE", &job.stage);
    variables.set("CI_PROJECT_DIR", work_dir.to_string_lossy());
    variables.set("CI_BUILDS_DIR", work_dir.parent().unwrap_or(work_dir).to_string_lossy());
    if let Some(checkout) = checkout {
        variables.commit(checkout);
        variables.project(checkout);
    }
    variables.0
}

struct Variables(Vec<(String, String)>);

impl Variables {
    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), value.into()));
    }

    fn commit(&mut self, checkout: &Checkout) {
        self.set("CI_COMMIT_SHA", &checkout.commit);
        self.set("CI_COMMIT_SHORT_SHA", &checkout.short_commit);
        self.set("CI_COMMIT_TITLE", &checkout.title);
        self.set("CI_COMMIT_MESSAGE", &checkout.message);
        self.set("CI_COMMIT_DESCRIPTION", checkout.message.split_once("\n\n").map_or("", |(_, rest)| rest));
        self.set("CI_COMMIT_AUTHOR", &checkout.author);
        if let Ok(time) = Timestamp::try_from(checkout.time) {
            self.set("CI_COMMIT_TIMESTAMP", time.to_string());
        }
        // A job runs for a branch or for a tag, never for both.
        let (kind, name) = match (&checkout.branch, &checkout.tag) {
            (Some(branch), _) => ("CI_COMMIT_BRANCH", branch),
            (None, Some(tag)) => ("CI_COMMIT_TAG", tag),
            (None, None) => return,
        };
        self.set(kind, name);
        self.set("CI_COMMIT_REF_NAME", name);
        self.set("CI_COMMIT_REF_SLUG", slug(name));
    }

    /// What the address of the remote tells: host, namespace and name of the project.
    fn project(&mut self, checkout: &Checkout) {
        let Some((host, path)) = checkout.origin.as_deref().and_then(host_and_path) else {
            let name = checkout.root.file_name().unwrap_or_default().to_string_lossy();
            self.set("CI_PROJECT_NAME", name);
            return;
        };
        let (namespace, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.set("CI_PROJECT_NAME", name);
        self.set("CI_PROJECT_PATH", path);
        self.set("CI_PROJECT_PATH_SLUG", slug(path));
        self.set("CI_PROJECT_NAMESPACE", namespace);
        self.set("CI_PROJECT_ROOT_NAMESPACE", path.split('/').next().unwrap_or_default());
        self.set("CI_PROJECT_URL", format!("https://{host}/{path}"));
        self.set("CI_SERVER_HOST", host.split(':').next().unwrap_or_default());
        self.set("CI_SERVER_URL", format!("https://{host}"));
        self.set("CI_REPOSITORY_URL", checkout.origin.clone().unwrap_or_default());
    }
}

/// Takes `https://host/group/project.git` and `git@host:group/project.git` apart.
fn host_and_path(url: &str) -> Option<(&str, &str)> {
    let (host, path) = match url.split_once("://") {
        Some(("file", _)) => return None,
        Some((_, rest)) => rest.split_once('/')?,
        None => url.split_once(':')?,
    };
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    (!host.is_empty() && !path.is_empty() && !host.contains('/')).then_some((host, path))
}

/// Returns a name as GitLab writes it for host names: small letters, digits and `-`, none of these at the ends.
fn slug(name: &str) -> String {
    let small = name.to_lowercase();
    let letters = small.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' });
    letters.take(MAX_SLUG).collect::<String>().trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(host_and_path("https://example.org/a/b.git"), Some(("example.org", "a/b")));
        assert_eq!(host_and_path("https://example.org:8443/a/b/c/"), Some(("example.org:8443", "a/b/c")));
        assert_eq!(host_and_path("git@example.org:a/b.git"), Some(("example.org", "a/b")));
        assert_eq!(host_and_path("ssh://git@example.org/a/b.git"), Some(("example.org", "a/b")));
        for other in ["file:///srv/a.git", "/srv/a.git", "../a", "https://example.org", ""] {
            assert_eq!(host_and_path(other), None, "{other}");
        }
    }

    #[test]
    fn slugs() {
        assert_eq!(slug("Feature/ABC_1"), "feature-abc-1");
        assert_eq!(slug("-x-"), "x");
        assert_eq!(slug(&"a".repeat(80)).len(), 63);
    }
}
