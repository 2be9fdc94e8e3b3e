//! What the figures were measured on.

use std::{path::Path, process::Command};

use anyhow::Context;

/// A description of this machine, without its name.
#[derive(Debug)]
pub(crate) struct Machine {
    /// The model of the processor.
    pub(crate) cpu: String,
    /// How many cores this process may use.
    pub(crate) cores: usize,
    /// All memory.
    pub(crate) memory_gib: u64,
    /// The kernel's release.
    pub(crate) kernel: String,
    /// The file system that holds the data.
    pub(crate) file_system: String,
    /// When, in UTC.
    pub(crate) date: String,
}

impl Machine {
    /// This machine, now, with the data in the folder.
    pub(crate) fn this(data: &Path) -> anyhow::Result<Self> {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo")?;
        let meminfo = std::fs::read_to_string("/proc/meminfo")?;
        let kib: u64 = value(&meminfo, "MemTotal").and_then(|v| v.split(' ').next()?.parse().ok()).unwrap_or(0);
        Ok(Self {
            cpu: value(&cpuinfo, "model name").unwrap_or("unknown").to_owned(),
            cores: std::thread::available_parallelism()?.get(),
            memory_gib: (kib + (1 << 19)) >> 20,
            kernel: std::fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            file_system: file_system(data)?,
            date: date()?,
        })
    }
}

/// The value after `key :` in one of the kernel's tables.
fn value<'a>(table: &'a str, key: &str) -> Option<&'a str> {
    table.lines().find_map(|line| line.split_once(':').filter(|(k, _)| k.trim() == key).map(|(_, v)| v.trim()))
}

/// The type of the file system that is mounted closest above the folder.
fn file_system(folder: &Path) -> anyhow::Result<String> {
    let mounts = std::fs::read_to_string("/proc/mounts")?;
    let folder = folder.canonicalize()?;
    let mounted = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (place, kind) = (fields.next()?, fields.next()?);
        folder.starts_with(place).then_some((place.len(), kind))
    });
    let (_, kind) = mounted.max_by_key(|(length, _)| *length).context("nothing is mounted above the data")?;
    Ok(kind.to_owned())
}

/// By the `date` program: the clock of this program belongs to nobody here.
fn date() -> anyhow::Result<String> {
    let output = Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"]).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_the_kernel_is_read_by_key() {
        let table = "processor\t: 0\nmodel name\t: A Processor: Fast\nMemTotal:       24576000 kB\n";
        assert_eq!(value(table, "model name"), Some("A Processor: Fast"));
        assert_eq!(value(table, "MemTotal"), Some("24576000 kB"));
        assert_eq!(value(table, "flags"), None);
    }
}
