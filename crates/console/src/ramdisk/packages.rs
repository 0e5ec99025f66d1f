//! Debian packages, downloaded and unpacked without installing anything on the host.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::RamdiskError;

/// A directory of downloaded packages.
#[derive(Debug)]
pub(super) struct PackageCache {
    directory: PathBuf,
}

impl PackageCache {
    /// Opens the cache, making its directory when it is missing.
    pub(super) fn open(directory: &Path) -> Result<Self, RamdiskError> {
        fs::create_dir_all(directory).map_err(RamdiskError::write(directory))?;
        let directory = directory
            .canonicalize()
            .map_err(RamdiskError::read(directory))?;
        Ok(Self { directory })
    }

    /// The first package among the dependencies of `package` whose name starts with `prefix`.
    pub(super) fn dependency(
        &self,
        package: &str,
        prefix: &str,
    ) -> Result<Option<String>, RamdiskError> {
        let output = match run(Command::new("apt-cache").args(["depends", "--important", package]))
        {
            Ok(output) => output,
            Err(RamdiskError::ProgramFailed { .. }) => return Ok(None),
            Err(other) => return Err(other),
        };
        Ok(parse_dependency(
            &String::from_utf8_lossy(&output.stdout),
            prefix,
        ))
    }

    /// The shared libraries that `packages` depend on, whose own dependencies count too, but not those
    /// that every Debian system has.
    pub(super) fn libraries(&self, packages: &[&str]) -> Result<Vec<String>, RamdiskError> {
        let mut found: Vec<String> = Vec::new();
        let mut pending: Vec<String> = packages.iter().map(|name| (*name).to_owned()).collect();
        while let Some(package) = pending.pop() {
            let output = run(Command::new("apt-cache").args(["depends", "--important", &package]))?;
            for name in parse_libraries(&String::from_utf8_lossy(&output.stdout)) {
                if !found.contains(&name) {
                    pending.push(name.clone());
                    found.push(name);
                }
            }
        }
        found.sort();
        Ok(found)
    }

    /// Downloads `package` unless the archive's current version is here already, and unpacks it
    /// into `into`, which it returns.
    pub(super) fn unpack(&self, package: &str, into: &Path) -> Result<PathBuf, RamdiskError> {
        self.unpack_all(&[package], into)
    }

    /// The same with several packages, into one directory.
    pub(super) fn unpack_all(
        &self,
        packages: &[&str],
        into: &Path,
    ) -> Result<PathBuf, RamdiskError> {
        // apt drops to a user who cannot write here when it runs as root; it checks the signature
        // chain and the hash either way.
        let options = ["-q", "-o", "APT::Sandbox::User=root", "download"];
        run(Command::new("apt-get")
            .current_dir(&self.directory)
            .args(options)
            .args(packages))
        .map_err(|error| not_downloaded(packages, error))?;
        fs::create_dir_all(into).map_err(RamdiskError::write(into))?;
        for package in packages {
            let file = self.newest(package)?;
            run(Command::new("dpkg-deb")
                .arg("--extract")
                .arg(&file)
                .arg(into))?;
        }
        Ok(into.to_path_buf())
    }

    /// The package file of the version that apt would install: older ones are removed.
    fn newest(&self, package: &str) -> Result<PathBuf, RamdiskError> {
        let prefix = format!("{package}_");
        let mut found: Vec<_> = fs::read_dir(&self.directory)
            .map_err(RamdiskError::read(&self.directory))?
            .filter_map(Result::ok)
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
            .map(|entry| {
                (
                    entry.metadata().and_then(|data| data.modified()).ok(),
                    entry.path(),
                )
            })
            .collect();
        if found.len() > 1 {
            let candidate = self.candidate_version(package)?;
            found.retain(|(_, path)| path.to_string_lossy().contains(&format!("_{candidate}_")));
        }
        found.sort();
        found
            .pop()
            .map(|(_, path)| path)
            .ok_or_else(|| RamdiskError::PackageContent {
                package: package.to_owned(),
                what: "downloaded file".to_owned(),
            })
    }

    fn candidate_version(&self, package: &str) -> Result<String, RamdiskError> {
        let output = run(Command::new("apt-cache").args(["show", "--no-all-versions", package]))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text
            .lines()
            .find_map(|line| line.strip_prefix("Version: "))
            .unwrap_or("");
        // apt writes the colon of an epoch as %3a in file names.
        Ok(version.replace(':', "%3a"))
    }
}

fn parse_dependency(listing: &str, prefix: &str) -> Option<String> {
    listing
        .lines()
        .filter_map(|line| {
            line.trim()
                .trim_start_matches('|')
                .strip_prefix("Depends: ")
        })
        .find(|name| name.starts_with(prefix))
        .map(str::to_owned)
}

/// Libraries in a listing of dependencies. The C library is the host's, which the agent's is too.
fn parse_libraries(listing: &str) -> Vec<String> {
    let depends = |line: &str| {
        let line = line.trim().trim_start_matches('|');
        let name = line.strip_prefix("PreDepends: ");
        name.or_else(|| line.strip_prefix("Depends: "))
            .map(str::to_owned)
    };
    let is_library = |name: &String| {
        let is_c = ["libc6", "libgcc-s1", "libc-bin"].contains(&name.as_str());
        (name.starts_with("lib") || name == "zlib1g") && !is_c
    };
    let names = listing.lines().filter_map(depends);
    names.filter(is_library).collect()
}

/// Runs a program to its end; its failure carries the end of its standard error.
pub(super) fn run(command: &mut Command) -> Result<Output, RamdiskError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .env("LC_ALL", "C")
        .output()
        .map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => RamdiskError::ProgramMissing {
                package: package_of(&program),
                program: program.clone(),
                source,
            },
            _ => RamdiskError::Read {
                path: PathBuf::from(&program),
                source,
            },
        })?;
    if output.status.success() {
        return Ok(output);
    }
    let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let mut last: Vec<_> = stderr.lines().rev().take(5).collect();
    last.reverse();
    Err(RamdiskError::ProgramFailed {
        command: format!("{program} {}", arguments.join(" ")),
        stderr: format!("{} ({})", last.join("; "), output.status),
    })
}

/// What a person can do about it, where the download itself failed.
fn not_downloaded(packages: &[&str], error: RamdiskError) -> RamdiskError {
    match error {
        RamdiskError::ProgramFailed { stderr, .. } => RamdiskError::Download {
            packages: packages.join(", "),
            stderr,
        },
        other => other,
    }
}

fn package_of(program: &str) -> &'static str {
    match program {
        "apt-get" | "apt-cache" => "apt",
        "dpkg-deb" => "dpkg",
        "xz" => "xz-utils",
        _ => "libc-bin",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_read_from_the_dependencies_of_its_meta_package() {
        let listing = "linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-56-cloud-amd64\n";
        assert_eq!(
            parse_dependency(listing, "linux-image-").as_deref(),
            Some("linux-image-6.1.0-56-cloud-amd64")
        );
        assert_eq!(parse_dependency("linux-image-none\n", "linux-image-"), None);
    }

    #[test]
    fn libraries_are_told_from_other_dependencies() {
        let listing = "nvme-cli\n  Depends: uuid-runtime\n  Depends: libc6\n |Depends: libnvme1\n  \
                       PreDepends: zlib1g\n  Depends: <libvirtual>\n  Breaks: libold1\n";
        assert_eq!(parse_libraries(listing), ["libnvme1", "zlib1g"]);
    }

    #[test]
    fn a_host_without_a_network_is_told_of_the_package_cache() {
        let failed = run(Command::new("sh").args(["-c", "echo unreachable >&2; exit 100"]));
        let text = not_downloaded(&["busybox-static"], failed.unwrap_err()).to_string();
        for part in ["busybox-static", "unreachable", "--package-cache DIR"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn a_failing_program_is_quoted() {
        let error = run(Command::new("sh").args(["-c", "echo broken >&2; exit 3"])).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("broken") && text.contains("exit status: 3"),
            "{text}"
        );
    }
}
