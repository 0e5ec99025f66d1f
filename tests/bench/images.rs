//! How fast images reach a disk, and with how much memory: the agent's `write_image` beside `qemu-img
//! convert` and `dd`, all with direct I/O to the same loop device and flushed at the end. Needs root.
//! `cargo bench -p cupola-agent --bench images -- [MIB] [DIRECTORY]`.
//!
//! Where the host can limit a disk's rate, all is measured once more with a disk as fast as a SATA
//! SSD: then it is the disk that counts, and not the processors that the image's server shares.
//!
//! Each write is a process of its own, so that its peak of memory is its own. The agent fetches its
//! image over HTTP from this process, its peer reads the file.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "images/throttle.rs"]
mod throttle;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use cupola_agent::{AgentConfig, FileDisk, write_image};
use cupola_api::agent::ImageInfo;
use throttle::Throttle;
use tokio_util::sync::CancellationToken;
use tower_http::services::ServeDir;
use url::Url;

/// Runs of each; the fastest counts.
const RUNS: usize = 3;
/// What a SATA SSD writes in a second, in octets.
const SATA_SSD: u64 = 500_000_000;
/// Makes this program the one that writes.
const WRITER: &str = "write";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    if let [mode, rest @ ..] = arguments.as_slice()
        && mode == WRITER
    {
        return write(rest);
    }
    let mib = arguments
        .iter()
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(1024);
    let directory = arguments
        .iter()
        .find(|argument| argument.starts_with('/'))
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let scratch = tempfile::tempdir_in(directory)?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(measure(scratch.path(), mib))
}

/// The process that writes: `URL FORMAT SHA256 DEVICE`.
fn write(arguments: &[String]) -> anyhow::Result<()> {
    let [url, format, sha256, device] = arguments else {
        bail!("{WRITER} URL FORMAT SHA256 DEVICE");
    };
    let config = AgentConfig::new(Url::parse("http://127.0.0.1/")?);
    let info = ImageInfo {
        id: "image".to_owned(),
        urls: vec![url.clone()],
        disk_format: Some(format.clone()),
        os_hash_algo: Some("sha256".to_owned()),
        os_hash_value: Some(sha256.clone()),
        ..ImageInfo::default()
    };
    let disk = Box::new(FileDisk::open(Path::new(device), 512)?);
    let runtime = tokio::runtime::Runtime::new()?;
    let cancel = CancellationToken::new();
    runtime
        .block_on(write_image(&config, &info, disk, &cancel))
        .map(drop)?;
    println!("{}", peak_kib().context("no VmHWM in /proc/self/status")?);
    Ok(())
}

/// The peak of this process's resident memory.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

async fn measure(scratch: &Path, mib: u64) -> anyhow::Result<()> {
    let raw = scratch.join("image.raw");
    make_raw(&raw, mib)?;
    let text = |path: &Path| path.display().to_string();
    let convert = |name: &str, options: &[&str]| {
        let path = scratch.join(name);
        let mut arguments = vec!["convert", "-f", "raw", "-O", "qcow2"];
        arguments.extend(options);
        let (from, to) = (text(&raw), text(&path));
        arguments.extend([from.as_str(), to.as_str()]);
        run("qemu-img", &arguments).map(|()| path)
    };
    let pack = |program: &str, options: &[&str], suffix: &str| {
        let mut arguments = vec!["-q", "-k", "-f"];
        arguments.extend(options);
        let from = text(&raw);
        arguments.push(&from);
        run(program, &arguments)?;
        let plain = PathBuf::from(format!("{from}{suffix}"));
        let named = scratch.join(format!("{}{suffix}", options.join("")));
        std::fs::rename(plain, &named)?;
        anyhow::Ok(named)
    };
    let images = [
        ("raw", "raw", raw.clone()),
        ("qcow2", "qcow2", convert("plain.qcow2", &[])?),
        ("qcow2 deflate", "qcow2", convert("deflate.qcow2", &["-c"])?),
        (
            "qcow2 zstd",
            "qcow2",
            convert("zstd.qcow2", &["-c", "-o", "compression_type=zstd"])?,
        ),
        ("raw gzip", "raw", pack("gzip", &["-1"], ".gz")?),
        ("raw zstd -3", "raw", pack("zstd", &["-3"], ".zst")?),
        (
            "raw zstd --long=25",
            "raw",
            pack("zstd", &["-3", "--long=25"], ".zst")?,
        ),
        ("raw xz -0", "raw", pack("xz", &["-0", "-T2"], ".xz")?),
        (
            "raw xz, 32 MiB",
            "raw",
            pack("xz", &["--lzma2=preset=0,dict=32MiB", "-T2"], ".xz")?,
        ),
    ];
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}", listener.local_addr()?);
    let files = ServeDir::new(scratch).with_buf_chunk_size(256 << 10);
    tokio::spawn(axum::serve(listener, axum::Router::new().fallback_service(files)).into_future());
    let disk = scratch.join("disk");
    File::create(&disk)?.set_len((mib + 64) << 20)?;
    let device = Loop::over(&disk)?;
    println!("the disk as fast as it is");
    compare(&images, &raw, &base, mib, &Target::new(&device, None))?;
    println!("the disk limited to {} MB/s", SATA_SSD / 1_000_000);
    match Throttle::new(&device.0, SATA_SSD)? {
        Some(throttle) => {
            let target = Target::new(&device, Some(&throttle));
            compare(&images, &raw, &base, mib, &target)
        }
        None => {
            println!("SKIPPED: this host has no control group that limits block I/O");
            Ok(())
        }
    }
}

/// Writes every image with the agent, and with `qemu-img` what that can write.
fn compare(
    images: &[(&str, &str, PathBuf)],
    raw: &Path,
    base: &str,
    mib: u64,
    target: &Target<'_>,
) -> anyhow::Result<()> {
    let plain = fastest(|| target.dd(raw))?;
    report("dd of the raw image", mib, plain, None);
    for (name, format, path) in images {
        let file = path.file_name().context("a name")?.to_string_lossy();
        let url = format!("{base}/{file}");
        let sha256 = sha256(path)?;
        let mut peak = 0;
        let ours = fastest(|| {
            let started = Instant::now();
            peak = peak.max(target.agent(&url, format, &sha256)?);
            Ok(started.elapsed())
        })?;
        report(&format!("agent, {name}"), mib, ours, Some(peak));
        if path
            .extension()
            .is_some_and(|it| it == "raw" || it == "qcow2")
        {
            let theirs = fastest(|| target.qemu_img(path, format))?;
            report(&format!("qemu-img, {name}"), mib, theirs, None);
            let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
            let of_disk = plain.as_secs_f64() / ours.as_secs_f64();
            println!("  {name}: {ratio:.2} times qemu-img's speed, {of_disk:.2} times dd's");
        }
    }
    Ok(())
}

fn report(what: &str, mib: u64, took: Duration, peak_kib: Option<u64>) {
    let rate = mib as f64 / took.as_secs_f64();
    let memory = peak_kib.map_or_else(String::new, |kib| format!(", peak {} MiB", kib >> 10));
    println!(
        "{what}: {:.2} s, {rate:.0} MiB/s{memory}",
        took.as_secs_f64()
    );
}

fn fastest(mut once: impl FnMut() -> anyhow::Result<Duration>) -> anyhow::Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        best = best.min(once()?);
    }
    Ok(best)
}

/// The disk that is written to.
struct Target<'a> {
    device: &'a str,
    throttle: Option<&'a Throttle>,
}

impl<'a> Target<'a> {
    fn new(device: &'a Loop, throttle: Option<&'a Throttle>) -> Self {
        Self {
            device: &device.0,
            throttle,
        }
    }

    /// A command that writes to the disk at the rate that it is allowed.
    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let Some(throttle) = self.throttle else {
            return Command::new(program);
        };
        let mut command = throttle.command();
        command.arg(program);
        command
    }

    fn agent(&self, url: &str, format: &str, sha256: &str) -> anyhow::Result<u64> {
        let output = self
            .command(std::env::current_exe()?)
            .args([WRITER, url, format, sha256, self.device])
            .stderr(Stdio::inherit())
            .output()?;
        ensure!(output.status.success(), "the writer failed");
        Ok(String::from_utf8(output.stdout)?.trim().parse()?)
    }

    /// As the agent does: no page cache, flushed at the end.
    fn qemu_img(&self, path: &Path, format: &str) -> anyhow::Result<Duration> {
        let started = Instant::now();
        let mut command = self.command("qemu-img");
        command.args(["convert", "-n", "-t", "none", "-f", format, "-O", "raw"]);
        finish(command.arg(path).arg(self.device))?;
        flush(self.device)?;
        Ok(started.elapsed())
    }

    fn dd(&self, path: &Path) -> anyhow::Result<Duration> {
        let started = Instant::now();
        let (from, to) = (
            format!("if={}", path.display()),
            format!("of={}", self.device),
        );
        let options = ["bs=4M", "oflag=direct", "conv=fsync,notrunc", "status=none"];
        finish(self.command("dd").args([from, to]).args(options))?;
        Ok(started.elapsed())
    }
}

fn flush(device: &str) -> anyhow::Result<()> {
    File::options().write(true).open(device)?.sync_all()?;
    Ok(())
}

fn run(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    finish(Command::new(program).args(arguments))
}

fn finish(command: &mut Command) -> anyhow::Result<()> {
    let status = command.stdin(Stdio::null()).status();
    let status = status.with_context(|| format!("{command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}

fn sha256(path: &Path) -> anyhow::Result<String> {
    let output = Command::new("sha256sum").arg(path).output()?;
    let text = String::from_utf8(output.stdout)?;
    let digits = text.split_whitespace().next().context("sha256sum")?;
    Ok(digits.to_owned())
}

/// A disk with a partition, three quarters of it filled with what compresses by half.
fn make_raw(path: &Path, mib: u64) -> anyhow::Result<()> {
    let file = File::create(path)?;
    file.set_len(mib << 20)?;
    let mut writer = BufWriter::new(file);
    let mut state = 1_u64;
    let mut block = vec![0; 1 << 20];
    for number in 0..mib {
        if number % 4 == 3 {
            std::io::Seek::seek(&mut writer, std::io::SeekFrom::Current(1 << 20))?;
            continue;
        }
        for (at, word) in block.chunks_exact_mut(8).enumerate() {
            if at & 0x100 == 0 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                word.copy_from_slice(&state.to_le_bytes());
            } else {
                word.copy_from_slice(&number.to_le_bytes());
            }
        }
        writer.write_all(&block)?;
    }
    writer.flush()?;
    drop(writer);
    let text = path.display().to_string();
    run("sgdisk", &["-o", "-n1:2048:0", &text])
}

/// A loop device without a page cache of its own, taken down when dropped.
struct Loop(String);

impl Loop {
    fn over(path: &Path) -> anyhow::Result<Self> {
        let output = Command::new("losetup")
            .args(["--find", "--show", "--direct-io=on"])
            .arg(path)
            .output()?;
        ensure!(
            output.status.success(),
            "no loop device: this benchmark needs root and loop devices"
        );
        Ok(Self(String::from_utf8(output.stdout)?.trim().to_owned()))
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["-d", &self.0]).status();
    }
}
