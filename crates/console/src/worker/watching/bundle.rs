//! The black-box bundle for a ticket: one archive with the node, its timeline, the last events and
//! errors, and what was on the screen. No secret is in it.

use std::path::PathBuf;

use cupola_api::client::Client;
use cupola_api::event::Event;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use super::{sheet, write_new};
use crate::event::Answer;
use crate::watching::Bundle;
use crate::{describe, redact};

/// What the server says of the node, as far as it says it.
#[derive(Debug, Default)]
pub(super) struct Collected {
    parts: Vec<(String, Value)>,
    timeline: Vec<Event>,
}

/// Collects what belongs into it and writes it; where the archive is.
pub(super) async fn write(client: &Client, bundle: Bundle) -> Answer<PathBuf> {
    let mut collected = Collected::default();
    if let Some(id) = bundle.node {
        let ident = id.into();
        match client.node_part(&ident, "").await {
            Ok(node) => collected.parts.push(("node".to_owned(), node)),
            Err(error) => {
                let why = Value::String(error.to_string());
                collected.parts.push(("node-not-read".to_owned(), why));
            }
        }
        for name in sheet::PARTS {
            if let Some(found) = sheet::part(client, id, name).await {
                collected.parts.push((name.to_owned(), found));
            }
        }
        if let Ok(found) = client.explain(&ident).await
            && let Ok(value) = serde_json::to_value(found)
        {
            collected.parts.push(("explanation".to_owned(), value));
        }
        if let Ok(found) = client.timeline(&ident, None).await {
            collected.timeline = found.events;
        }
    }
    let written = tokio::task::spawn_blocking(move || {
        let archive = archive(&bundle.stem, &files(&bundle, collected));
        let archive = archive.map_err(|error| error.to_string())?;
        write_new(&format!("{}.tar.gz", bundle.stem), &archive)
    });
    written.await.unwrap_or_else(|error| Err(error.to_string()))
}

/// The files of the archive, each without secrets.
fn files(bundle: &Bundle, collected: Collected) -> Vec<(String, String)> {
    let mut files = vec![
        ("about.txt".to_owned(), bundle.about.clone()),
        ("screen.txt".to_owned(), bundle.screen.clone()),
        ("errors.txt".to_owned(), lines(&bundle.errors)),
        ("events.jsonl".to_owned(), json_lines(&bundle.events)),
    ];
    for (name, mut value) in collected.parts {
        redact::json(&mut value);
        let text = serde_json::to_string_pretty(&value).unwrap_or_default();
        files.push((format!("{name}.json"), text));
    }
    if bundle.node.is_some() {
        let told: Vec<String> = collected.timeline.iter().map(describe::line).collect();
        files.push(("timeline.txt".to_owned(), lines(&told)));
        let all = json_lines(&collected.timeline);
        files.push(("timeline.jsonl".to_owned(), all));
    }
    for (_, text) in &mut files {
        *text = redact::text(text);
    }
    files
}

fn lines(all: &[String]) -> String {
    all.iter().map(|line| format!("{line}\n")).collect()
}

fn json_lines(events: &[Event]) -> String {
    let line = |event: &Event| {
        let mut value = serde_json::to_value(event).ok()?;
        redact::json(&mut value);
        Some(value.to_string())
    };
    let all: Vec<String> = events.iter().filter_map(line).collect();
    lines(&all)
}

fn archive(stem: &str, files: &[(String, String)]) -> std::io::Result<Vec<u8>> {
    let encoder = GzEncoder::new(Vec::new(), Compression::default());
    let mut builder = tar::Builder::new(encoder);
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(text.len()).unwrap_or(0));
        header.set_mode(0o600);
        header.set_cksum();
        builder.append_data(&mut header, format!("{stem}/{name}"), text.as_bytes())?;
    }
    builder.into_inner()?.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cupola_api::event::{EventId, EventKind, Severity};
    use cupola_api::id::NodeId;
    use serde_json::json;
    use std::io::Read as _;

    const CANARY: &str = "canary-5up3r";

    fn bundle() -> (Bundle, Collected) {
        let text = format!("GET https://me:{CANARY}@host/x?temp_url_sig={CANARY}: 403");
        let event = Event {
            id: EventId(1),
            at: jiff::Timestamp::UNIX_EPOCH,
            node: None,
            kind: EventKind::Log {
                severity: Severity::Error,
                source: "conductor".to_owned(),
                text: text.clone(),
            },
        };
        let node = json!({
            "name": "rack1-u01",
            "driver_info": {"ipmi_address": "10.0.0.7", "ipmi_password": CANARY,
                "redfish_password": CANARY, "snmp_auth_key": CANARY,
                "deep": [{"auth_token": CANARY}]},
            "driver_internal_info": {"agent_secret_token": CANARY},
            "instance_info": {"configdrive": CANARY, "image_source": text,
                "user_data": {"anything": CANARY}, "rescue_password": CANARY},
            "last_error": text, "extra": {"root_password": CANARY},
        });
        let bundle = Bundle {
            stem: "cupola-rack1-u01".to_owned(),
            node: Some(NodeId::random()),
            about: "about".to_owned(),
            screen: text.clone(),
            events: vec![event.clone()],
            errors: vec![text],
        };
        let collected = Collected {
            parts: vec![("node".to_owned(), node)],
            timeline: vec![event],
        };
        (bundle, collected)
    }

    #[test]
    fn no_secret_of_the_node_is_in_it() {
        let (bundle, collected) = bundle();
        let files = files(&bundle, collected);
        assert_eq!(files.len(), 7);
        for (name, text) in &files {
            assert!(!text.contains(CANARY), "{name}: {text}");
        }
        let node = files.iter().find(|(name, _)| name == "node.json");
        assert!(node.is_some_and(|(_, text)| text.contains("10.0.0.7")));
    }

    #[test]
    fn the_archive_can_be_read() {
        let (bundle, collected) = bundle();
        let archive = archive(&bundle.stem, &files(&bundle, collected)).expect("an archive");
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&archive[..]));
        let mut names = Vec::new();
        for entry in archive.entries().expect("entries") {
            let mut entry = entry.expect("an entry");
            let mut text = String::new();
            entry.read_to_string(&mut text).expect("a text");
            names.push(entry.path().expect("a path").display().to_string());
        }
        assert!(
            names.contains(&"cupola-rack1-u01/timeline.txt".to_owned()),
            "{names:?}"
        );
    }
}
