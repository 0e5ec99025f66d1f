//! The demo: a whole service and a virtual rack in this process, on loopback.
//!
//! Nothing in it is played: BMCs speak IPMI, firmware asks our boot services, agents write an image.
//! Only the machines are simulated. Some are enrolled and provided; the last ones are left over,
//! for whoever wants to try the enrolment wizard.

mod enrolment;
mod faults;
mod limits;
pub mod network;
mod provide;
mod temporary;

use std::path::{Path, PathBuf};

use cupola_api::client::embedded::EmbeddedTransport;
use cupola_api::client::{Client, ClientError};
use cupola_api::{Secret, cupola::Image};
use cupola_backend::config::{Config, ConfigError};
use cupola_backend::service::{Service, ServiceError};
use cupola_rack::demo_image;
use cupola_rack::machine::{MachineNetwork, MachineSpec};
use cupola_rack::virtual_rack::{RackConfig, RackMachine, VirtualRack};
use temporary::Temporary;
use tokio::net::TcpListener;

/// The administrator of every simulated BMC.
const BMC_USER: &str = "admin";
/// That user's password. It guards nothing but simulated machines on loopback.
const BMC_PASSWORD: &str = "cupola";
/// Machines that nobody has enrolled.
const LEFT_OVER: usize = 2;
/// How fast a simulated disk takes data, so that there is something to watch.
const DISK_MIB_PER_SECOND: u32 = 24;
/// Size of the image that is deployed.
const IMAGE_MIB: u64 = 96;

/// Why the demo does not start.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file, directory or socket cannot be used.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The configuration does not fit.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The service does not start.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// Its boot services do not run, without which no simulated machine boots.
    #[error("the demo needs its boot services; do not switch boot.enabled off")]
    NoBootServices,
    /// More machines than this process may have files open for.
    #[error(
        "{wanted} machines need more open files than allowed; take at most {most}, or raise the \
         limit with `ulimit -n`"
    )]
    TooMany {
        /// How many were asked for.
        wanted: usize,
        /// How many fit.
        most: u64,
    },
    /// The service refuses to enrol a machine.
    #[error("a machine of the rack cannot be enrolled: {0}")]
    Enrol(#[from] ClientError),
}

fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> DemoError {
    move |source| DemoError::Io { what, source }
}

/// What the demo is made of.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Simulated machines, at least one.
    pub machines: usize,
    /// Where its state lies; none for a temporary directory that goes with the demo.
    pub state_directory: Option<PathBuf>,
    /// `section.key=value` overrides of the configuration.
    pub overrides: Vec<String>,
    /// Whether disks are as slow as real ones, so that there is something to watch.
    pub paced: bool,
    /// Whether the rack has one machine for each fault instead, all of which fail their first
    /// deploy.
    pub faults: bool,
}

/// A machine that nobody has enrolled, with what one types to enrol it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOver {
    /// What is printed on its front.
    pub name: String,
    /// `address:port` of its BMC.
    pub bmc: String,
    /// The BMC's user.
    pub user: String,
    /// The BMC's password.
    pub password: String,
    /// The MAC address of the interface that is cabled.
    pub mac: String,
}

/// A service and a rack, running.
pub struct Demo {
    service: Service,
    rack: VirtualRack,
    client: Client,
    left_over: Vec<LeftOver>,
    // Removed when the demo goes.
    _temporary: Option<Temporary>,
}

impl Demo {
    /// Starts service and rack, enrols the machines and provides them.
    ///
    /// # Errors
    /// What cannot be used and what to do about it; then nothing runs.
    pub async fn start(options: DemoOptions) -> Result<Self, DemoError> {
        limits::make_room(options.machines).map_err(|most| DemoError::TooMany {
            wanted: options.machines,
            most,
        })?;
        let (directory, temporary) = state_directory(options.state_directory)?;
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .map_err(io("the API's port"))?;
        let mut overrides = network::overrides(&directory, network::BootPorts::default());
        if options.faults {
            overrides.extend(faults::overrides());
        }
        overrides.extend(options.overrides);
        let mut config = Config::load(None, [], &overrides)?;
        network::write_ramdisk(&directory).map_err(io("the demo's kernel and ramdisk"))?;
        let image = write_image(&directory).await?;
        let image_path = directory.join("images").join(IMAGE_FILE);
        config.images.push(Image {
            source: format!("file://{}", image_path.display()),
            ..image
        });
        let service = Service::start(config, &directory, Some(listener)).await?;
        let client = Client::new(EmbeddedTransport::new(service.router()));
        let network = network::of(&service).ok_or(DemoError::NoBootServices)?;
        let specs = if options.faults {
            faults::machines()
        } else {
            machines(options.machines)
        };
        let rack = build_rack(specs, &directory, network, options.paced).await?;
        let positions = if options.faults {
            faults::show(&client, &rack).await?;
            Vec::new()
        } else {
            let enrolled = rack.machines().len().saturating_sub(LEFT_OVER).max(1);
            enrolment::enrol(&client, &rack, enrolled).await?
        };
        let machines = rack.machines();
        let left_over = positions
            .into_iter()
            .filter_map(|position| machines.get(position))
            .map(left_over)
            .collect();
        Ok(Self {
            service,
            rack,
            client,
            left_over,
            _temporary: temporary,
        })
    }

    /// A client of the demo's service.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The rack.
    #[must_use]
    pub const fn rack(&self) -> &VirtualRack {
        &self.rack
    }

    /// Where the API listens, for another client.
    #[must_use]
    pub fn api(&self) -> Option<String> {
        self.service
            .address()
            .map(|address| format!("http://{address}"))
    }

    /// The machines that nobody has enrolled.
    #[must_use]
    pub fn left_over(&self) -> &[LeftOver] {
        &self.left_over
    }

    /// Switches the rack off and stops the service.
    pub async fn stop(self) {
        self.rack.stop().await;
        self.service.stop().await;
    }
}

const IMAGE_FILE: &str = "cupola-demo.raw";

fn state_directory(given: Option<PathBuf>) -> Result<(PathBuf, Option<Temporary>), DemoError> {
    match given {
        Some(directory) => {
            std::fs::create_dir_all(&directory).map_err(io("the state directory"))?;
            Ok((directory, None))
        }
        None => {
            let parent = std::env::temp_dir();
            temporary::remove_left_over(&parent);
            let temporary = Temporary::new(&parent).map_err(io("a temporary directory"))?;
            Ok((temporary.path().to_owned(), Some(temporary)))
        }
    }
}

async fn write_image(directory: &Path) -> Result<Image, DemoError> {
    let images = directory.join("images");
    let made = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&images)?;
        demo_image::write_once(&images.join(IMAGE_FILE), IMAGE_MIB)
    })
    .await
    .map_err(std::io::Error::other)
    .and_then(|made| made)
    .map_err(io("the demo's image"))?;
    Ok(Image {
        name: "cupola-demo".to_owned(),
        source: String::new(),
        disk_format: "raw".to_owned(),
        hash_algo: "sha256".to_owned(),
        hash_value: made.sha256,
        size: Some(made.size),
    })
}

fn machines(count: usize) -> Vec<MachineSpec> {
    let spec = |index| MachineSpec::demo(u32::try_from(index).unwrap_or(u32::MAX));
    (0..count.max(1)).map(spec).collect()
}

async fn build_rack(
    mut machines: Vec<MachineSpec>,
    directory: &Path,
    network: MachineNetwork,
    paced: bool,
) -> Result<VirtualRack, DemoError> {
    for spec in &mut machines {
        spec.disk.write_mib_per_second = paced.then_some(DISK_MIB_PER_SECOND);
    }
    let config = RackConfig {
        machines,
        disks: directory.join("disks"),
        network,
        user: BMC_USER.to_owned(),
        password: Secret::from(BMC_PASSWORD),
    };
    VirtualRack::start(config)
        .await
        .map_err(io("the virtual rack"))
}

fn left_over(machine: &RackMachine) -> LeftOver {
    let spec = machine.machine.spec();
    LeftOver {
        name: spec.name.clone(),
        bmc: machine.bmc_address.to_string(),
        user: BMC_USER.to_owned(),
        password: BMC_PASSWORD.to_owned(),
        mac: spec
            .macs
            .first()
            .map(ToString::to_string)
            .unwrap_or_default(),
    }
}
