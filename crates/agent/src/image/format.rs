//! What an image is by its first bytes, and whether that is what it was declared to be. A wrong
//! declaration is refused: a "raw" image that is a qcow2 file would be written as garbage, and one
//! that names files of its reader is an attack.

use super::compression::Compression;
use super::{ImageError, ImagePolicy};

/// What the agent can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// The bytes of the disk.
    Raw,
    /// The bytes of the disk, compressed.
    Compressed(Compression),
    /// QEMU's copy-on-write format, version 2 or 3.
    Qcow2,
}

const FOREIGN: &[(&[u8], &str)] = &[
    (super::qcow2::MAGIC, "qcow2"),
    (b"KDMV", "vmdk"),
    (b"# Disk DescriptorFile", "vmdk"),
    (b"conectix", "vhd"),
    (b"vhdxfile", "vhdx"),
    (b"QED\0", "qed"),
    (b"BZh", "bzip2"),
    (b"PK\x03\x04", "a zip archive"),
    (b"<!DOCTYPE", "an HTML page"),
    (b"<html", "an HTML page"),
];

/// What these first bytes belong to, when they are known not to be a disk's.
pub(super) fn foreign(head: &[u8]) -> Option<&'static str> {
    // POSIX.1-1988 (ustar): the magic of a tar header.
    if head.get(257..262) == Some(b"ustar") {
        return Some("a tar archive");
    }
    let packed = Compression::detect(head).map(|_| "a compressed file");
    let known = FOREIGN.iter().find(|(magic, _)| head.starts_with(magic));
    known.map(|(_, name)| *name).or(packed)
}

impl Format {
    /// Decides by the head of the image and its declared format.
    pub(super) fn detect(
        id: &str,
        head: &[u8],
        declared: Option<&str>,
        policy: &ImagePolicy,
    ) -> Result<Self, ImageError> {
        let invalid = |reason: String| ImageError::Invalid {
            id: id.to_owned(),
            reason,
        };
        let declared = declared.unwrap_or("raw");
        if !policy.permitted_formats.is_empty()
            && !policy
                .permitted_formats
                .iter()
                .any(|format| format == declared)
        {
            return Err(invalid(format!(
                "disk_format {declared} is not permitted; permitted are {}",
                policy.permitted_formats.join(", ")
            )));
        }
        match declared {
            "qcow2" if head.starts_with(super::qcow2::MAGIC) => Ok(Self::Qcow2),
            "qcow2" => Err(invalid(
                "it is declared as qcow2, but is not; see disk_format".into(),
            )),
            "raw" | "gpt" | "iso" => {
                if let Some(compression) = Compression::detect(head) {
                    return Ok(Self::Compressed(compression));
                }
                match foreign(head) {
                    Some(name) if !policy.believe_declared_format => Err(invalid(format!(
                        "it is declared as {declared}, but is {name}; see disk_format and the URL"
                    ))),
                    Some(_) | None => Ok(Self::Raw),
                }
            }
            other => Err(invalid(format!(
                "disk_format {other} is not supported; use raw (also compressed by gzip, xz or \
                 zstd) or qcow2"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(head: &[u8], declared: &str) -> Result<Format, ImageError> {
        Format::detect("i", head, Some(declared), &ImagePolicy::default())
    }

    #[test]
    fn content_and_declaration_have_to_agree() {
        assert_eq!(detect(&[0; 512], "raw").unwrap(), Format::Raw);
        assert_eq!(
            detect(b"QFI\xfb\0\0\0\x03", "qcow2").unwrap(),
            Format::Qcow2
        );
        let gzip = Format::Compressed(Compression::Gzip);
        assert_eq!(detect(&[0x1f, 0x8b, 8], "raw").unwrap(), gzip);
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        for (head, declared) in [
            (&b"QFI\xfb\0\0\0\x03"[..], "raw"),
            (b"KDMV", "raw"),
            (b"<html>", "raw"),
            (&tar, "raw"),
            (&[0; 512], "qcow2"),
            (b"KDMV", "vmdk"),
        ] {
            assert!(detect(head, declared).is_err(), "{declared}");
        }
    }

    #[test]
    fn what_is_not_permitted_is_refused() {
        let policy = ImagePolicy {
            permitted_formats: vec!["raw".to_owned()],
            ..ImagePolicy::default()
        };
        let error = Format::detect("i", b"QFI\xfb", Some("qcow2"), &policy).unwrap_err();
        assert!(error.to_string().contains("permitted are raw"), "{error}");
    }
}
