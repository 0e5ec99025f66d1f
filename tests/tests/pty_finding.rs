//! Finding nodes in the console: the real binary on a pseudo-terminal, over a real service.

use anyhow::Result;
use cupola_api::client::Client;
use cupola_api::client::remote::RemoteTransport;
use cupola_tests::binary;
use cupola_tests::pty::Terminal;
use cupola_tests::serve::Serve;
use serde_json::json;
use tempfile::TempDir;

async fn enrol(url: &str) -> Result<()> {
    let client = Client::new(RemoteTransport::new(url)?);
    for (name, rack) in [("web-1", "r1"), ("web-2", "r2"), ("db-1", "r2")] {
        let body = json!({
            "name": name, "driver": "fake-hardware", "owner": "blue", "extra": { "rack": rack },
        });
        client.create_node(&body).await?;
    }
    Ok(())
}

#[test]
fn the_list_of_the_last_time_is_there_before_the_service_answers() -> Result<()> {
    let state = TempDir::new()?;
    let only_fake = ["--set", "drivers.enabled=[\"fake-hardware\"]"];
    let service = Serve::start(state.path(), &only_fake)?;
    tokio::runtime::Runtime::new()?.block_on(enrol(service.url()))?;
    let url = service.url().to_owned();
    let cupola = binary::cupola()?;
    let console = Terminal::run(&cupola, &["--api", &url], (80, 24))?;
    console.wait_for("3 nodes")?;
    let home = console.leave()?;
    assert!(service.stop()?.success());
    let here = std::env::current_dir()?;
    let mut console = Terminal::run_at_home(&cupola, &["--api", &url], (80, 24), &here, home)?;
    let shown = console.wait_for("LOST, list")?;
    assert!(shown.contains("web-2") && shown.contains("db-1"), "{shown}");
    console.press("m")?;
    console.wait_for("wait until")?;
    Ok(())
}

#[test]
fn nodes_are_filtered_grouped_and_the_view_is_saved() -> Result<()> {
    let state = TempDir::new()?;
    let service = Serve::start(
        state.path(),
        &["--set", "drivers.enabled=[\"fake-hardware\"]"],
    )?;
    tokio::runtime::Runtime::new()?.block_on(enrol(service.url()))?;
    let settings = state.path().join("console.toml");
    std::fs::write(
        &settings,
        "# mine\n[aliases]\nblue = \"filter owner:blue\"\n",
    )?;
    let file = settings.display().to_string();
    let arguments = ["--api", service.url(), "--console-config", &file];
    let cupola = binary::cupola()?;
    let mut console = Terminal::run(&cupola, &arguments, (80, 24))?;
    console.wait_for("3 nodes")?;
    console.press(" :blue\r")?;
    console.wait_for("3 of 3 nodes")?;
    console.press("\x1b")?;
    console.wait("all nodes", |s| !s.contains(" of 3 nodes"))?;
    console.press("/rack:r2 name:~w2\r")?;
    console.wait_for("1 of 3 nodes")?;
    console.press("\x1b")?;
    console.wait("no filter", |s| !s.contains(" of 3 nodes"))?;
    console.press(":group rack\r")?;
    console.wait_for("- rack r2: 2 nodes")?;
    console.press(":view save racks\r")?;
    console.wait_for("view racks saved")?;
    console.press(":dashboard\r")?;
    console.wait_for("Conductors")?;
    console.press("q")?;
    let kept = std::fs::read_to_string(&settings)?;
    assert!(kept.starts_with("# mine\n[aliases]"), "{kept}");
    assert!(
        kept.contains("[views.racks]") && kept.contains("group = \"rack\""),
        "{kept}"
    );
    Ok(())
}
