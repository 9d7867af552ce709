//! Links to commits, issues and merge requests, and texts of commits as Markdown.

use stepwell_sdk::Failure;

/// How many digits of a commit id are shown.
const SHORT_ID: usize = 8;

/// Where links lead.
#[derive(Debug)]
pub(crate) struct Links {
    /// Address of the project without a slash at the end; empty for none.
    url: String,
    forge: Forge,
}

/// Which addresses a project has.
#[derive(Clone, Copy, Debug)]
enum Forge {
    GitLab,
    GitHub,
}

impl Links {
    /// Reads the inputs `url` and `forge`.
    pub(crate) fn parse(url: &str, forge: &str) -> Result<Self, Failure> {
        let forge = match forge {
            "gitlab" => Forge::GitLab,
            "github" => Forge::GitHub,
            other => {
                let problem = format!("input `forge` is `{other}`");
                return Err(Failure::invalid_input(problem).hint("it is `gitlab` or `github`"));
            }
        };
        let address = url.starts_with("https://") || url.starts_with("http://");
        let plain = !url.contains(|character: char| {
            character.is_whitespace() || character.is_control() || matches!(character, '(' | ')' | '<' | '>')
        });
        if url.is_empty() || (address && plain) {
            return Ok(Self { url: url.trim_end_matches('/').to_owned(), forge });
        }
        Err(Failure::invalid_input(format!("input `url` is `{url:.200}`, no address of a project"))
            .hint("such as `https://gitlab.com/group/project`, or `${{ vars.CI_PROJECT_URL }}`"))
    }

    /// Returns a commit as Markdown.
    pub(crate) fn commit(&self, id: &str) -> String {
        let short = &id[..id.floor_char_boundary(SHORT_ID)];
        match (self.url.as_str(), self.forge) {
            ("", _) => short.to_owned(),
            (url, Forge::GitLab) => format!("[{short}]({url}/-/commit/{id})"),
            (url, Forge::GitHub) => format!("[{short}]({url}/commit/{id})"),
        }
    }

    /// Returns a reference, `#12` or `!12`, as Markdown.
    pub(crate) fn reference(&self, sign: char, number: &str) -> String {
        match (self.url.as_str(), self.forge, sign) {
            ("", _, _) => format!("{sign}{number}"),
            (url, Forge::GitLab, '!') => format!("[!{number}]({url}/-/merge_requests/{number})"),
            (url, Forge::GitLab, _) => format!("[#{number}]({url}/-/issues/{number})"),
            (url, Forge::GitHub, _) => format!("[#{number}]({url}/issues/{number})"),
        }
    }

    /// Returns a text of a commit as Markdown on one line: references are links, and what would be HTML is not. Code
    /// stays what it is.
    pub(crate) fn text(&self, text: &str) -> String {
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        // A backtick that nothing closes begins no code.
        let mut ticks = line.matches('`').count() & !1;
        let mut code = false;
        let mut markdown = String::new();
        let mut rest = line.as_str();
        let mut before = ' ';
        while let Some(next) = rest.chars().next() {
            rest = &rest[next.len_utf8()..];
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            match next {
                '`' if ticks > 0 => {
                    (ticks, code) = (ticks - 1, !code);
                    markdown.push('`');
                }
                '#' | '!' if !code && digits > 0 && matches!(before, ' ' | '(' | '[' | ',') => {
                    markdown.push_str(&self.reference(next, &rest[..digits]));
                    rest = &rest[digits..];
                }
                '<' | '\\' if !code => markdown.extend(['\\', next]),
                other => markdown.push(other),
            }
            before = next;
        }
        markdown
    }
}

/// Returns the references in a text, each as sign and number.
pub(crate) fn references(text: &str) -> Vec<(char, &str)> {
    text.split([' ', ',', '(', ')', ';', '\n', '\r', '\t'])
        .filter_map(|word| {
            let sign = word.chars().next().filter(|sign| matches!(sign, '#' | '!'))?;
            let number = word[1..].trim_end_matches('.');
            (!number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())).then_some((sign, number))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_commits() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            let links = Links::parse("https://example.com/g/p/", "gitlab").expect("an address");
            assert_eq!(links.text(text), expected);
        }
        check(
            "mends #12 (!3)",
            "mends [#12](https://example.com/g/p/-/issues/12) ([!3](https://example.com/g/p/-/merge_requests/3))",
        );
        check("a#12 # 12 wow!1", "a#12 # 12 wow!1");
        check("<script>  x\ny", "\\<script> x y");
        check("`a < #1` < b", "`a < #1` \\< b");
        check("a ` < b", "a ` \\< b");
        check("", "");
    }

    #[test]
    fn references_in_footers() {
        assert_eq!(references("#1, group/x#2 !34."), [('#', "1"), ('!', "34")]);
    }
}
