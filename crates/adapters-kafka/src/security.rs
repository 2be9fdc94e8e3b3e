//! How brokers are reached: in the clear or over TLS, anonymously or as somebody.

use std::path::{Path, PathBuf};

use crate::{config::InvalidKafkaConfig, secret::Secret};

/// Transport and login. The default is plain text and nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Security {
    /// Encrypts, and checks the brokers; none is plain text.
    pub tls: Option<Tls>,
    /// Logs in; none is anonymous, or who the client certificate says.
    pub sasl: Option<Sasl>,
}

/// TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// The certificates of trusted authorities (PEM); none means those of the machine.
    pub ca_file: Option<PathBuf>,
    /// Who we are (mutual TLS).
    pub client: Option<ClientCertificate>,
    /// What is checked of a broker's certificate.
    pub verification: Verification,
}

/// A certificate of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate (PEM).
    pub certificate_file: PathBuf,
    /// Its private key (PEM).
    pub key_file: PathBuf,
    /// What the key is encrypted with, if it is.
    pub key_password: Option<Secret>,
}

/// What is checked of a broker's certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verification {
    /// That an authority vouches for it, and that it names the host.
    #[default]
    Full,
    /// That an authority vouches for it.
    Authority,
    /// Nothing. Anybody can read along.
    None,
}

/// A login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sasl {
    /// How the password is proved.
    pub mechanism: SaslMechanism,
    /// The name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// How a password is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaslMechanism {
    /// It is sent; use TLS.
    Plain,
    /// SCRAM-SHA-256.
    ScramSha256,
    /// SCRAM-SHA-512.
    ScramSha512,
}

impl SaslMechanism {
    /// The registered name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }

    /// Reads [`SaslMechanism::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Plain, Self::ScramSha256, Self::ScramSha512].into_iter().find(|mechanism| mechanism.as_str() == text)
    }
}

impl Security {
    /// Whether files are there and names are given.
    pub(crate) fn check(&self) -> Result<(), InvalidKafkaConfig> {
        if let Some(tls) = &self.tls {
            readable("security.tls.ca_file", tls.ca_file.as_deref())?;
            if let Some(client) = &tls.client {
                readable("security.tls.client.certificate_file", Some(&client.certificate_file))?;
                readable("security.tls.client.key_file", Some(&client.key_file))?;
            }
        }
        match &self.sasl {
            Some(sasl) if sasl.user.is_empty() => Err(InvalidKafkaConfig::new("security.sasl.user", "is empty")),
            Some(sasl) if sasl.password.reveal().is_empty() => {
                Err(InvalidKafkaConfig::new("security.sasl.password", "is empty"))
            }
            _ => Ok(()),
        }
    }

    /// The settings of librdkafka.
    pub(crate) fn properties(&self) -> Vec<(&'static str, String)> {
        let protocol = match (&self.tls, &self.sasl) {
            (None, None) => "plaintext",
            (Some(_), None) => "ssl",
            (None, Some(_)) => "sasl_plaintext",
            (Some(_), Some(_)) => "sasl_ssl",
        };
        let mut properties = vec![("security.protocol", protocol.to_owned())];
        properties.extend(self.tls.iter().flat_map(Tls::properties));
        if let Some(sasl) = &self.sasl {
            properties.push(("sasl.mechanism", sasl.mechanism.as_str().to_owned()));
            properties.push(("sasl.username", sasl.user.clone()));
            properties.push(("sasl.password", sasl.password.reveal().to_owned()));
        }
        properties
    }
}

impl Tls {
    fn properties(&self) -> Vec<(&'static str, String)> {
        let host = if self.verification == Verification::Full { "https" } else { "none" };
        let checks = self.verification != Verification::None;
        let mut properties = vec![
            ("ssl.endpoint.identification.algorithm", host.to_owned()),
            ("enable.ssl.certificate.verification", checks.to_string()),
        ];
        properties.extend(self.ca_file.iter().map(|file| ("ssl.ca.location", text(file))));
        if let Some(client) = &self.client {
            properties.push(("ssl.certificate.location", text(&client.certificate_file)));
            properties.push(("ssl.key.location", text(&client.key_file)));
            properties.extend(client.key_password.iter().map(|p| ("ssl.key.password", p.reveal().to_owned())));
        }
        properties
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn readable(setting: &'static str, file: Option<&Path>) -> Result<(), InvalidKafkaConfig> {
    let Some(file) = file else { return Ok(()) };
    match std::fs::File::open(file) {
        Ok(_) => Ok(()),
        Err(e) => Err(InvalidKafkaConfig::new(setting, format!("cannot be read ({}): {e}", file.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sasl() -> Sasl {
        Sasl { mechanism: SaslMechanism::ScramSha512, user: "orrery".into(), password: Secret::new("hunter2") }
    }

    fn of(security: &Security, name: &str) -> Option<String> {
        security.properties().into_iter().find(|(property, _)| *property == name).map(|(_, value)| value)
    }

    #[test]
    fn transport_and_login_make_the_protocol() {
        let tls = Some(Tls::default());
        for (tls, sasl, protocol) in [
            (None, None, "plaintext"),
            (tls.clone(), None, "ssl"),
            (None, Some(sasl()), "sasl_plaintext"),
            (tls, Some(sasl()), "sasl_ssl"),
        ] {
            assert_eq!(of(&Security { tls, sasl }, "security.protocol").as_deref(), Some(protocol));
        }
    }

    #[test]
    fn a_login_is_passed_on_and_not_shown() {
        let security = Security { tls: None, sasl: Some(sasl()) };
        assert_eq!(of(&security, "sasl.mechanism").as_deref(), Some("SCRAM-SHA-512"));
        assert_eq!(of(&security, "sasl.password").as_deref(), Some("hunter2"));
        assert!(!format!("{security:?}").contains("hunter2"));
    }

    #[test]
    fn a_broker_is_checked_unless_somebody_says_otherwise() {
        for (verification, host, certificate) in [
            (Verification::default(), "https", "true"),
            (Verification::Authority, "none", "true"),
            (Verification::None, "none", "false"),
        ] {
            let security = Security { tls: Some(Tls { verification, ..Tls::default() }), sasl: None };
            assert_eq!(of(&security, "ssl.endpoint.identification.algorithm").as_deref(), Some(host));
            assert_eq!(of(&security, "enable.ssl.certificate.verification").as_deref(), Some(certificate));
        }
    }

    #[test]
    fn a_missing_file_is_named_with_its_setting() {
        let tls = Tls { ca_file: Some("/nowhere/ca.pem".into()), ..Tls::default() };
        let error = Security { tls: Some(tls), sasl: None }.check().expect_err("there is no such file");
        assert!(error.to_string().starts_with("security.tls.ca_file cannot be read (/nowhere/ca.pem)"), "{error}");
    }

    #[test]
    fn mechanisms_are_read_back() {
        for mechanism in [SaslMechanism::Plain, SaslMechanism::ScramSha256, SaslMechanism::ScramSha512] {
            assert_eq!(SaslMechanism::parse(mechanism.as_str()), Some(mechanism));
        }
    }
}
