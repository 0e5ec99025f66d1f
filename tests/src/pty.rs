//! A program on a pseudo-terminal, and the screen that a person would see.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use tempfile::TempDir;

/// How long something may take to show.
const DEADLINE: Duration = Duration::from_secs(60);
/// ECHO of termios(3).
const ECHO: u32 = 0o10;

/// What has come from the program.
struct Seen {
    parser: vt100::Parser,
    /// How many bytes.
    written: u64,
    /// Whether all of them were ASCII.
    ascii: bool,
    /// Whether no more can come.
    ended: bool,
}

/// What the reading thread and the test share.
struct Shown {
    seen: Mutex<Seen>,
    changed: Condvar,
    hang_up: AtomicBool,
}

impl Shown {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A program on a pseudo-terminal. Dropping it ends the program.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Option<Box<dyn MasterPty + Send>>,
    keys: Option<Box<dyn Write + Send>>,
    shown: Arc<Shown>,
    /// Where the program finds and keeps what belongs to a person.
    home: Option<TempDir>,
}

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap_or(NonZero::<u16>::MIN)
}

impl Terminal {
    /// Runs a program on a terminal of this size, columns first; one that says 0x0 has 80x24.
    ///
    /// # Errors
    /// When there is no pseudo-terminal or no such program.
    pub fn run(program: &Path, arguments: &[&str], said: (u16, u16)) -> Result<Self> {
        Self::run_in(program, arguments, said, &std::env::current_dir()?)
    }

    /// The same in this working directory.
    ///
    /// # Errors
    /// As [`Terminal::run`].
    pub fn run_in(
        program: &Path,
        arguments: &[&str],
        said: (u16, u16),
        directory: &Path,
    ) -> Result<Self> {
        Self::run_at_home(program, arguments, said, directory, TempDir::new()?)
    }

    /// The same with the home of an earlier run.
    ///
    /// # Errors
    /// As [`Terminal::run`].
    pub fn run_at_home(
        program: &Path,
        arguments: &[&str],
        said: (u16, u16),
        directory: &Path,
        home: TempDir,
    ) -> Result<Self> {
        let pair = native_pty_system().openpty(size(said))?;
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.cwd(directory);
        command.env("TERM", "linux");
        command.env("LANG", "C.UTF-8");
        for name in ["LINES", "COLUMNS", "NO_COLOR", "CUPOLA_API", "OS_ENDPOINT"] {
            command.env_remove(name);
        }
        for name in ["XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"] {
            command.env(name, home.path());
        }
        let child = pair.slave.spawn_command(command)?;
        let mut reader = pair.master.try_clone_reader()?;
        let keys = pair.master.take_writer()?;
        let (columns, rows) = if said == (0, 0) { (80, 24) } else { said };
        let shown = Arc::new(Shown {
            seen: Mutex::new(Seen {
                parser: vt100::Parser::new(cells(rows), cells(columns), 0),
                written: 0,
                ascii: true,
                ended: false,
            }),
            changed: Condvar::new(),
            hang_up: AtomicBool::new(false),
        });
        let to = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                // An error means that the program has closed its terminal.
                let n = reader.read(&mut buffer).unwrap_or(0);
                let bytes = buffer.get(..n).unwrap_or_default();
                let mut seen = to.lock();
                seen.parser.process(bytes);
                seen.written += n as u64;
                seen.ascii &= bytes.is_ascii();
                let ends = n == 0 || to.hang_up.load(Ordering::SeqCst);
                seen.ended = ends;
                if ends {
                    drop(reader);
                    to.changed.notify_all();
                    return;
                }
                to.changed.notify_all();
            }
        });
        Ok(Self {
            child,
            master: Some(pair.master),
            keys: Some(keys),
            shown,
            home: Some(home),
        })
    }

    /// Ends it, unless it has; what it kept for its person is left.
    ///
    /// # Errors
    /// When it does not end.
    pub fn leave(mut self) -> Result<TempDir> {
        self.press(":q\r")?;
        self.ended()?;
        self.home.take().context("it has a home")
    }

    /// Types.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn press(&mut self, keys: &str) -> Result<()> {
        let writer = self.keys.as_mut().context("the terminal is closed")?;
        writer.write_all(keys.as_bytes())?;
        Ok(writer.flush()?)
    }

    /// Waits until the screen is as wanted.
    ///
    /// # Errors
    /// With the screen, when that takes too long or the program ends.
    pub fn wait(&self, what: &str, wanted: impl Fn(&str) -> bool) -> Result<String> {
        let start = Instant::now();
        let mut seen = self.shown.lock();
        loop {
            let screen = seen.parser.screen().contents();
            if wanted(&screen) {
                return Ok(screen);
            }
            let left = DEADLINE.saturating_sub(start.elapsed());
            if seen.ended || left.is_zero() {
                bail!("{what} does not show:\n{screen}");
            }
            let waited = self.shown.changed.wait_timeout(seen, left);
            seen = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until a text is on the screen.
    ///
    /// # Errors
    /// As [`Terminal::wait`].
    pub fn wait_for(&self, text: &str) -> Result<String> {
        self.wait(&format!("{text:?}"), |screen| screen.contains(text))
    }

    /// The id of the program's process.
    ///
    /// # Errors
    /// When it has ended.
    pub fn process_id(&self) -> Result<u32> {
        self.child.process_id().context("the program has ended")
    }

    /// How many bytes the program has written.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.shown.lock().written
    }

    /// Whether nothing but ASCII has come from the program.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.shown.lock().ascii
    }

    /// The colours on the screen: -1 for the terminal's own, 0 to 255 for those of a palette, 256 for
    /// any other.
    #[must_use]
    pub fn colours(&self) -> BTreeSet<i16> {
        let number = |colour| match colour {
            vt100::Color::Default => -1,
            vt100::Color::Idx(number) => i16::from(number),
            vt100::Color::Rgb(..) => 256,
        };
        let seen = self.shown.lock();
        let screen = seen.parser.screen();
        let (rows, columns) = screen.size();
        let (rows, columns) = (rows.get(), columns.get());
        let at = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        let cells = at.filter_map(|(row, column)| screen.cell(row, column));
        cells
            .flat_map(|cell| [number(cell.fgcolor()), number(cell.bgcolor())])
            .collect()
    }

    /// Whether the program has left the alternate screen, shows the cursor and lets the terminal
    /// echo: as a shell wants it.
    #[must_use]
    pub fn is_restored(&self) -> bool {
        let seen = self.shown.lock();
        let screen = seen.parser.screen();
        let echoes = self.master.as_ref().and_then(|m| m.get_termios());
        let echoes = echoes.is_none_or(|t| t.local_flags.bits() & ECHO != 0);
        !screen.alternate_screen() && !screen.hide_cursor() && echoes
    }

    /// Gives the terminal another size, columns first.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn resize(&self, columns: u16, rows: u16) -> Result<()> {
        let mut seen = self.shown.lock();
        let screen = seen.parser.screen_mut();
        screen.set_size(cells(rows), cells(columns));
        drop(seen);
        let master = self.master.as_ref().context("the terminal is closed")?;
        master.resize(size((columns, rows)))
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When the program has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let id = self.process_id()?;
        Ok(kill(Pid::from_raw(i32::try_from(id)?), signal)?)
    }

    /// Pulls the terminal's plug.
    ///
    /// # Errors
    /// When it is pulled already, or the program does not draw any more.
    pub fn hang_up(&mut self) -> Result<()> {
        // The reading thread holds the terminal too: it lets go when the next bytes come, and a
        // window of another size makes them come.
        self.shown.hang_up.store(true, Ordering::SeqCst);
        self.resize(100, 30)?;
        let shown = Arc::clone(&self.shown);
        let seen = shown.lock();
        let open = |seen: &mut Seen| !seen.ended;
        let waited = shown.changed.wait_timeout_while(seen, DEADLINE, open);
        if waited.unwrap_or_else(PoisonError::into_inner).1.timed_out() {
            bail!("the program does not draw");
        }
        self.keys = None;
        self.master = None;
        Ok(())
    }

    /// Waits until the program has ended by itself.
    ///
    /// # Errors
    /// When that takes too long.
    pub fn ended(&mut self) -> Result<ExitStatus> {
        let start = Instant::now();
        while start.elapsed() < DEADLINE {
            if let Some(status) = self.child.try_wait()? {
                // What it wrote last is still on its way to the screen.
                let seen = self.shown.lock();
                let (changed, limit) = (&self.shown.changed, Duration::from_secs(2));
                drop(changed.wait_timeout_while(seen, limit, |seen| !seen.ended));
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        bail!("the program does not end")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It fails only when the program has ended already.
        let _ = self.child.kill();
    }
}

const fn size((columns, rows): (u16, u16)) -> PtySize {
    PtySize {
        rows,
        cols: columns,
        pixel_width: 0,
        pixel_height: 0,
    }
}
