//! Names at the server: each leads to what is served under it, or to nothing.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use url::Url;

use super::super::names::{Names, NoContent};
use super::PEER;
use crate::boot::content::{Content, OpenFile};
use crate::boot::directory::NoSink;
use crate::boot::files::FileSet;
use crate::boot::fuzzing::{ENROLLED, Machines, decision, host, kernel, mac};
use crate::boot::leases::LeaseTable;
use crate::boot::node_files::NodeFiles;
use crate::boot::open_files::OpenFiles;
use crate::boot::reporter::Reporter;
use crate::boot::{grub, script};

const LOADER: &str = "undionly.kpxe";
const OURS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// Every text that is served.
static TEXTS: LazyLock<HashSet<Bytes>> = LazyLock::new(|| {
    let mut texts = HashSet::from([Bytes::from_static(grub::common().as_bytes())]);
    let Some(base) = base() else {
        return texts;
    };
    for host in (1..=ENROLLED).filter_map(|number| host(&mac(number))) {
        let decision = decision(&host);
        texts.insert(script::render(&host, &decision, &base, OURS).into());
        texts.insert(grub::render(&host, &decision, &base, OURS).into());
    }
    texts
});

/// The file that is served as kernel and as ISO image.
static KERNEL: LazyLock<Option<u64>> =
    LazyLock::new(|| OpenFile::open(&kernel()).ok().map(|file| file.inode()));

fn base() -> Option<Url> {
    Url::parse("http://10.0.0.1:8088/").ok()
}

/// Whether the name leads to anything; what it leads to must be ours to serve.
pub(super) async fn is_served(name: &str) -> bool {
    let Some(base) = base() else {
        return false;
    };
    let mut files = FileSet::new();
    files.insert(LOADER, LOADER.as_bytes());
    let leases = Arc::new(LeaseTable::default());
    let nodes = NodeFiles {
        base,
        address: OURS,
        is_without_dhcp: false,
        directory: Arc::new(Machines),
        reporter: Reporter::new(Arc::new(NoSink), Arc::clone(&leases)),
        leases,
        open_files: OpenFiles::default(),
    };
    let names = Names {
        files: &files,
        nodes: &nodes,
    };
    names.party(name, PEER);
    let path = name.replace('\\', "/");
    let path = path.trim_start_matches('/');
    match names.find(name, PEER).await {
        Ok(content) => {
            assert!(
                !path.split('/').any(|part| part == ".."),
                "{name} is served"
            );
            check(path, &content);
            true
        }
        Err(NoContent::NotFound(why)) => {
            assert!(!why.contains(&*kernel().to_string_lossy()), "{why}");
            false
        }
        Err(NoContent::AskAgain) => false,
    }
}

fn check(path: &str, content: &Content) {
    match content {
        Content::Memory(bytes) if path == LOADER => assert_eq!(bytes, LOADER),
        Content::Memory(bytes) => {
            let is_text = path.ends_with("/script.ipxe") || path.contains("grub.cfg");
            assert!(is_text && TEXTS.contains(bytes), "{path} is served");
        }
        Content::File(file) => {
            let number = (1..=ENROLLED).find(|number| {
                let directory = path
                    .strip_prefix("boot/")
                    .and_then(|rest| rest.split_once('/'));
                directory.is_some_and(|(machine, file)| {
                    machine.parse().ok() == Some(mac(*number))
                        && ["kernel", "boot.iso"].contains(&file)
                })
            });
            assert!(number.is_some(), "{path} is served from a file");
            assert_eq!(Some(file.inode()), *KERNEL, "{path} is another file");
        }
    }
}
