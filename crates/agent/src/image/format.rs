//! What an image is by its first bytes, and whether that is what it was declared to be. A wrong
//! declaration is refused: a "raw" image that is a qcow2 file would be written as garbage, and one
//! that names files of its reader is an attack.

use super::{ImageError, ImagePolicy};

/// What the agent can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// The bytes of the disk.
    Raw,
    /// The bytes of the disk, gzipped.
    Gzip,
    /// The bytes of the disk, compressed with Zstandard.
    Zstd,
    /// QEMU's copy-on-write format, version 2 or 3.
    Qcow2,
}

const FOREIGN: &[(&[u8], &str)] = &[
    (b"KDMV", "vmdk"),
    (b"# Disk DescriptorFile", "vmdk"),
    (b"conectix", "vhd"),
    (b"vhdxfile", "vhdx"),
    (b"QED\0", "qed"),
    (b"\xfd7zXZ\0", "xz"),
    (b"BZh", "bzip2"),
    (b"<!DOCTYPE", "an HTML page"),
    (b"<html", "an HTML page"),
];

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
        let is_qcow2 = head.starts_with(super::qcow2::MAGIC);
        match declared {
            "qcow2" if is_qcow2 => Ok(Self::Qcow2),
            "qcow2" => Err(invalid(
                "it is declared as qcow2, but is not; see disk_format".into(),
            )),
            "raw" | "gpt" | "iso" => {
                if head.starts_with(&[0x1f, 0x8b]) {
                    return Ok(Self::Gzip);
                }
                if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
                    return Ok(Self::Zstd);
                }
                let foreign = FOREIGN.iter().find(|(magic, _)| head.starts_with(magic));
                let foreign = foreign
                    .map(|(_, name)| *name)
                    .or(is_qcow2.then_some("qcow2"));
                match foreign {
                    Some(name) if !policy.believe_declared_format => Err(invalid(format!(
                        "it is declared as {declared}, but is {name}; see disk_format and the URL"
                    ))),
                    Some(_) | None => Ok(Self::Raw),
                }
            }
            other => Err(invalid(format!(
                "disk_format {other} is not supported; use raw (also compressed by gzip or zstd) \
                 or qcow2"
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
        assert_eq!(detect(&[0x1f, 0x8b, 8], "raw").unwrap(), Format::Gzip);
        assert_eq!(
            detect(&[0x28, 0xb5, 0x2f, 0xfd], "raw").unwrap(),
            Format::Zstd
        );
        for (head, declared) in [
            (&b"QFI\xfb\0\0\0\x03"[..], "raw"),
            (b"KDMV", "raw"),
            (b"<html>", "raw"),
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
