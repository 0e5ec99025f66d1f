//! IPMI v2.0 over RMCP+, spoken natively: one UDP socket for thousands of BMCs and no process per
//! command. [`wire`] holds the pure codec (shared with the simulated BMC of the rack), the rest is
//! the client: [`IpmiHub`] owns the sockets and sessions, [`IpmiClient`] runs operations on one BMC.
//!
//! Not here: IPMI 1.5 sessions, DCMI, serial-over-LAN and sensors.

pub mod wire;
