//! Brings a database to this version's schema at start. The files are in `migrations/`, one
//! directory per dialect, and built into the binary.

use std::borrow::Cow;

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::database::{Database, Pools};
use super::error::StoreError;

struct Script {
    version: i64,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! scripts {
    ($($version:literal $name:literal $file:literal;)*) => {
        &[$(Script {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("../../../../migrations/sqlite/", $file)),
            postgres: include_str!(concat!("../../../../migrations/postgres/", $file)),
        }),*]
    };
}

const SCRIPTS: &[Script] = scripts! {
    1 "first" "0001_first.sql";
    2 "dhcp leases" "0002_dhcp_leases.sql";
    3 "deploy templates" "0003_deploy_templates.sql";
    4 "dhcp lease servers" "0004_dhcp_lease_servers.sql";
    5 "groups" "0005_groups.sql";
    6 "claims" "0006_claims.sql";
    7 "bios settings" "0007_bios_settings.sql";
    9 "public runbooks" "0009_public_runbooks.sql";
    10 "durations" "0010_durations.sql";
};

fn migrator(text: impl Fn(&Script) -> &'static str) -> Migrator {
    let migrations = SCRIPTS
        .iter()
        .map(|script| {
            Migration::new(
                script.version,
                Cow::Borrowed(script.name),
                MigrationType::Simple,
                text(script).into_sql_str(),
                false,
            )
        })
        .collect();
    Migrator::with_migrations(migrations)
}

/// Runs what has not been run yet.
pub(crate) async fn migrate(database: &Database) -> Result<(), StoreError> {
    match database.pools() {
        Pools::Sqlite { write, .. } => migrator(|s| s.sqlite).run(write).await,
        Pools::Postgres(pool) => migrator(|s| s.postgres).run(pool).await,
    }
    .map_err(|error| StoreError::Migration(error.to_string()))
}
