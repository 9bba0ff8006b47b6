//! Profiles of the AWS command line: keys, region and endpoint under a name, in
//! the files `~/.aws/credentials` and `~/.aws/config`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::error::{Error, Result};

/// What a profile says; never shown.
#[derive(Clone, Default)]
pub(super) struct Profile(BTreeMap<String, String>);

/// Ways to get keys that need a program or a service of AWS's own.
const NOT_OFFERED: [&str; 4] =
    ["credential_process", "sso_session", "sso_start_url", "source_profile"];

impl Profile {
    /// The profile that `AWS_PROFILE` names, or the one called `default`.
    ///
    /// # Errors
    /// When a profile is asked for by name and is not there, or gets its keys in
    /// a way that is not offered here.
    pub(super) fn read() -> Result<Self> {
        let asked = set("AWS_PROFILE");
        let name = asked.as_deref().unwrap_or("default");
        let home = std::env::home_dir().map(|home| home.join(".aws"));
        let file = |variable: &str, name: &str| {
            set(variable).map(PathBuf::from).or_else(|| Some(home.as_ref()?.join(name)))
        };
        let read = |path: Option<PathBuf>| path.and_then(|path| std::fs::read_to_string(path).ok());
        let config = read(file("AWS_CONFIG_FILE", "config")).unwrap_or_default();
        let credentials =
            read(file("AWS_SHARED_CREDENTIALS_FILE", "credentials")).unwrap_or_default();
        match Self::parse(&config, &credentials, name) {
            Some(profile) => profile.checked(name),
            None if asked.is_some() => Err(Error::usage(format!("there is no profile `{name}`"))
                .hint("AWS_PROFILE names one of ~/.aws/credentials or ~/.aws/config")),
            None => Ok(Self::default()),
        }
    }

    /// The profile `name` of the two files; the credentials file has the last
    /// word.
    fn parse(config: &str, credentials: &str, name: &str) -> Option<Self> {
        let titles = [name.to_owned(), format!("profile {name}")];
        let sections = section(config, &titles).into_iter().chain(section(credentials, &titles));
        let mut found = None;
        for values in sections {
            found.get_or_insert_with(Self::default).0.extend(values);
        }
        found
    }

    /// The profile, if it holds all that its keys need.
    fn checked(self, name: &str) -> Result<Self> {
        let way = NOT_OFFERED.into_iter().find(|way| self.get(way).is_some());
        match way {
            Some(way) if self.get("aws_access_key_id").is_none() => {
                let error = Error::usage(format!("profile `{name}` gets its keys by `{way}`"));
                Err(error.hint(format!(
                    "put them into the environment: \
                     eval \"$(aws configure export-credentials --profile {name} --format env)\""
                )))
            }
            _ => Ok(self),
        }
    }

    /// One value.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

/// The keys and values under the first of `titles` that `file` has.
fn section(file: &str, titles: &[String]) -> Option<BTreeMap<String, String>> {
    let mut values = None;
    let mut within = false;
    for line in file.lines() {
        let text = line.trim();
        if text.starts_with(['#', ';']) || text.is_empty() {
            continue;
        }
        if let Some(title) = text.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
            within = titles.contains(&title);
            if within {
                values.get_or_insert_with(BTreeMap::new);
            }
            continue;
        }
        // An indented line belongs to the settings of one service.
        let is_nested = line.starts_with([' ', '\t']);
        if let (true, false, Some((key, value))) = (within, is_nested, text.split_once('=')) {
            let value = value.split(" #").next().unwrap_or(value).trim();
            values
                .get_or_insert_with(BTreeMap::new)
                .insert(key.trim().to_lowercase(), value.to_owned());
        }
    }
    values
}

/// The value of an environment variable that is set to something.
pub(super) fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "[default]\nregion = eu-west-1\n\n# a remark\n[profile lab]\nregion=cn-north-1 # Beijing\n\
        s3 =\n    endpoint_url = https://nested.example\nendpoint_url = https://lab.example\n\
        [profile sso]\nsso_start_url = https://example.org\n";
    const CREDENTIALS: &str = "[default]\naws_access_key_id = AK\naws_secret_access_key = a=b/c+==\n[lab]\nAWS_ACCESS_KEY_ID=LAB\n";

    #[test]
    fn a_profile_is_put_together_from_both_files() {
        let value = |name, key| {
            let profile = Profile::parse(CONFIG, CREDENTIALS, name)?;
            profile.get(key).map(str::to_owned)
        };
        assert_eq!(value("default", "aws_secret_access_key").as_deref(), Some("a=b/c+=="));
        assert_eq!(value("default", "region").as_deref(), Some("eu-west-1"));
        assert_eq!(value("lab", "aws_access_key_id").as_deref(), Some("LAB"));
        assert_eq!(value("lab", "region").as_deref(), Some("cn-north-1"));
        assert_eq!(value("lab", "endpoint_url").as_deref(), Some("https://lab.example"));
        assert_eq!(value("nobody", "region"), None);
    }

    #[test]
    fn keys_that_come_another_way_are_told() {
        let profile = Profile::parse(CONFIG, CREDENTIALS, "sso").unwrap();
        let error = profile.checked("sso").err().unwrap();
        assert!(error.to_string().contains("sso_start_url") && error.exit_code() == 2, "{error}");
    }
}
