//! Where the kernel image and its modules come from: a Debian package or the running host.

use std::path::{Path, PathBuf};

use super::RamdiskError;
use super::packages::PackageCache;

/// The kernel that the ramdisk boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KernelSource {
    /// Debian's kernel with every driver: physical machines.
    #[default]
    Generic,
    /// Debian's kernel for virtual machines: smaller, without drivers of physical hardware.
    Cloud,
    /// The kernel that this host runs.
    Host,
}

/// The files of a kernel.
#[derive(Debug)]
pub(super) struct Kernel {
    /// As `uname -r` says it.
    pub(super) release: String,
    /// The bootable image.
    pub(super) image: PathBuf,
    /// The directory `lib/modules/RELEASE`.
    pub(super) modules: PathBuf,
}

/// Finds the files of the kernel that was chosen, downloading its package into `into` if it is one.
pub(super) fn obtain(
    source: &KernelSource,
    packages: &PackageCache,
    into: &Path,
) -> Result<Kernel, RamdiskError> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other if *source != KernelSource::Host => return Err(RamdiskError::Architecture(other)),
        other => other,
    };
    match source {
        KernelSource::Host => host(),
        KernelSource::Generic => {
            from_package(&format!("linux-image-{architecture}"), packages, into)
        }
        KernelSource::Cloud => {
            from_package(&format!("linux-image-cloud-{architecture}"), packages, into)
        }
    }
}

fn from_package(meta: &str, packages: &PackageCache, into: &Path) -> Result<Kernel, RamdiskError> {
    let package = packages.dependency(meta, "linux-image-")?.ok_or_else(|| {
        RamdiskError::NoKernelPackage {
            package: meta.to_owned(),
        }
    })?;
    let root = packages.unpack(&package, into)?;
    let release = package.trim_start_matches("linux-image-").to_owned();
    let content = |what: &str| RamdiskError::PackageContent {
        package: package.clone(),
        what: what.to_owned(),
    };
    let image = root.join("boot").join(format!("vmlinuz-{release}"));
    if !image.is_file() {
        return Err(content("kernel image"));
    }
    let modules = ["lib/modules", "usr/lib/modules"]
        .into_iter()
        .map(|directory| root.join(directory).join(&release))
        .find(|path| path.is_dir())
        .ok_or_else(|| content("modules"))?;
    Ok(Kernel {
        release,
        image,
        modules,
    })
}

fn host() -> Result<Kernel, RamdiskError> {
    let system = nix::sys::utsname::uname()
        .map_err(|errno| RamdiskError::read(Path::new("uname"))(errno.into()))?;
    let release = system.release().to_string_lossy().into_owned();
    let image = PathBuf::from(format!("/boot/vmlinuz-{release}"));
    let modules = PathBuf::from(format!("/lib/modules/{release}"));
    for path in [&image, &modules] {
        if !path.exists() {
            return Err(RamdiskError::HostKernel {
                release,
                path: path.clone(),
            });
        }
    }
    Ok(Kernel {
        release,
        image,
        modules,
    })
}
