//! Fake hardware: every interface without a machine behind it, for tests and for trying out the
//! service. It can be slow and it can fail, at random or on request; see [`FakeSettings`].
//!
//! For machines that really boot and really have a disk, see the virtual rack.

mod behaviour;
mod boot;
mod configuration;
mod deploy;
mod inspect;
mod management;
mod power;
mod rescue;
mod vendor;

pub use behaviour::{DelayRange, FakeSettings};
pub use boot::FakeBoot;
pub use configuration::{FakeBios, FakeFirmware};
pub use deploy::FakeDeploy;
pub use inspect::FakeInspect;
pub use management::FakeManagement;
pub use power::FakePower;
pub use rescue::FakeRescue;
pub use vendor::FakeVendor;
