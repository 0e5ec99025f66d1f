//! What a file name of a TFTP request stands for.
//!
//! | name | what |
//! |---|---|
//! | `boot/{mac}/…` | a node's files, as over HTTP |
//! | `grub/…`, `grub.cfg…` | the GRUB configurations |
//! | `undionly.kpxe` and its like | the loaders |
//!
//! Names are looked up in tables, never in a file system: nothing else of the host can be asked
//! for, whatever dots, slashes and backslashes a name has.

use std::net::IpAddr;

use crate::boot::content::Content;
use crate::boot::files::FileSet;
use crate::boot::grub::{self, ConfigName};
use crate::boot::node_files::{Missing, NodeFile, NodeFiles, node_path};
use crate::boot::reporter::Party;

/// Why a name leads to nothing.
#[derive(Debug)]
pub(super) enum NoContent {
    /// There is no such file; why, in words for the machine's screen.
    NotFound(String),
    /// It cannot be said in time; the client asks again.
    AskAgain,
}

/// Where names are looked up.
pub(super) struct Names<'a> {
    pub(super) files: &'a FileSet,
    pub(super) nodes: &'a NodeFiles,
}

impl Names<'_> {
    /// Whom a request is about: by the MAC address of the name, else by the peer's lease.
    pub(super) fn party(&self, name: &str, peer: IpAddr) -> Party {
        let path = plain(name);
        let machine = match ConfigName::parse(&path) {
            Some(ConfigName::Machine(mac)) => Some(mac),
            Some(ConfigName::Common) | None => node_path(&path).map(|(mac, _)| mac),
        };
        match machine {
            Some(mac) => self.nodes.party(mac, Some(peer)),
            None => self.nodes.reporter.by_lease(peer),
        }
    }

    pub(super) async fn find(&self, name: &str, peer: IpAddr) -> Result<Content, NoContent> {
        let path = plain(name);
        if let Some(loader) = self.files.get(&path) {
            return Ok(Content::Memory(loader));
        }
        let (mac, file) = match ConfigName::parse(&path) {
            Some(ConfigName::Common) => return Ok(Content::Memory(grub::common().into())),
            Some(ConfigName::Machine(mac)) => (mac, NodeFile::GrubConfiguration),
            None => node_path(&path)
                .and_then(|(mac, file)| Some((mac, NodeFile::parse(file)?)))
                .ok_or_else(|| NoContent::NotFound("file not found".to_owned()))?,
        };
        match self.nodes.find(mac, file, Some(peer)).await {
            Ok(content) => Ok(content),
            Err(Missing::TooSlow) => Err(NoContent::AskAgain),
            Err(
                missing @ (Missing::NotEnrolled
                | Missing::BootsFromDisk
                | Missing::BootsOther
                | Missing::NoFile
                | Missing::Unreadable),
            ) => Err(NoContent::NotFound(missing.to_string())),
        }
    }
}

/// Some firmware puts slashes before the name, and some writes them as backslashes.
fn plain(name: &str) -> String {
    name.replace('\\', "/").trim_start_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_of_all_firmware() {
        for name in ["/x/y", "//x/y", "\\x\\y", "x/y"] {
            assert_eq!(plain(name), "x/y");
        }
    }
}
