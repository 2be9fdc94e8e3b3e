//! A certificate authority of a cluster's own, and the certificate that it gives the brokers. Made by the `keytool` that comes
//! with Java, so that no other program is needed. Its password protects nothing: the files go with the cluster.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{ServiceError, process};

/// Of all keystores here; `keytool` wants six characters.
pub(super) const PASSWORD: &str = "loopback";

/// Files in a folder of a cluster.
#[derive(Debug)]
pub(super) struct Authority {
    folder: PathBuf,
}

impl Authority {
    /// The authority of the cluster whose files are in a folder, made unless it is there.
    pub(super) fn of(cluster: &Path) -> Result<Self, ServiceError> {
        let authority = Self { folder: cluster.join("authority") };
        if !authority.keystore().exists() {
            authority.make()?;
        }
        Ok(authority)
    }

    /// Its certificate (PEM), for clients that are to trust the brokers.
    pub(super) fn certificate(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The certificate (PEM) of another authority, which has vouched for nobody.
    pub(super) fn strangers_certificate(&self) -> PathBuf {
        self.folder.join("stranger.pem")
    }

    /// The brokers' key with its certificate, for 127.0.0.1 (PKCS #12).
    pub(super) fn keystore(&self) -> PathBuf {
        self.folder.join("broker.p12")
    }

    fn make(&self) -> Result<(), ServiceError> {
        fs::create_dir_all(&self.folder).map_err(ServiceError::io(format!("write to {}", self.folder.display())))?;
        for name in ["ca", "stranger"] {
            self.keytool(name, "-genkeypair", &["-dname", &format!("CN={name}"), "-ext", "bc:c=ca:true"], NEW)?;
            self.keytool(name, "-exportcert", &["-rfc", "-file", &format!("{name}.pem")], &[])?;
        }
        // Under another name until it is complete: whoever finds it takes it for finished.
        self.keytool("part", "-genkeypair", &["-dname", "CN=broker"], NEW)?;
        self.keytool("part", "-certreq", &["-file", "broker.csr"], &[])?;
        let signed =
            ["-rfc", "-infile", "broker.csr", "-outfile", "broker.pem", "-ext", "san=ip:127.0.0.1,dns:localhost"];
        self.keytool("ca", "-gencert", &signed, VALID)?;
        self.imported("ca", "ca.pem")?;
        self.imported("part", "broker.pem")?;
        let part = self.folder.join("part.p12");
        fs::rename(&part, self.keystore()).map_err(ServiceError::io(format!("rename {}", part.display())))
    }

    /// A keystore and the key in it have the same name.
    fn keytool(&self, name: &str, command: &str, arguments: &[&str], more: &[&str]) -> Result<(), ServiceError> {
        self.run(name, name, command, &[arguments, more].concat())
    }

    /// Takes a certificate into the brokers' keystore.
    fn imported(&self, alias: &str, file: &str) -> Result<(), ServiceError> {
        self.run("part", alias, "-importcert", &["-noprompt", "-file", file])
    }

    fn run(&self, keystore: &str, alias: &str, command: &str, arguments: &[&str]) -> Result<(), ServiceError> {
        let program =
            process::find("keytool").ok_or_else(|| ServiceError::JavaMissing { found: "no keytool".to_owned() })?;
        let mut keytool = Command::new(program);
        keytool.current_dir(&self.folder).args([command, "-alias", alias, "-storetype", "PKCS12"]);
        keytool.args(["-keystore", &format!("{keystore}.p12"), "-storepass", PASSWORD]).args(arguments);
        process::run(&mut keytool).map(drop)
    }
}

/// Of a certificate.
const VALID: &[&str] = &["-validity", "3650"];

/// Of a new key and its own certificate.
const NEW: &[&str] = &["-keyalg", "EC", "-groupname", "secp256r1", "-validity", "3650"];
