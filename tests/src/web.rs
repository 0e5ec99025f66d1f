//! A web server of somebody else's, with images on it.

use std::path::Path;

use anyhow::Result;
use axum::Router;
use cupola_api::cupola::Image;
use cupola_rack::demo_image;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tower_http::services::ServeDir;

/// It serves the files of a directory of its own. Dropping it ends it.
#[derive(Debug)]
pub struct Web {
    directory: TempDir,
    url: String,
    server: JoinHandle<std::io::Result<()>>,
}

impl Web {
    /// Starts it on loopback, empty.
    ///
    /// # Errors
    /// When no directory or socket can be had.
    pub async fn start() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let router = Router::new().fallback_service(ServeDir::new(directory.path()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let server = tokio::spawn(axum::serve(listener, router).into_future());
        Ok(Self {
            directory,
            url,
            server,
        })
    }

    /// Puts an image of `mib` MiB there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn image(&self, mib: u64) -> Result<Image> {
        let name = format!("os-{mib}.raw");
        let made = demo_image::write(&self.directory().join(&name), mib)?;
        Ok(Image {
            source: format!("{}/{name}", self.url),
            name,
            disk_format: "raw".to_owned(),
            hash_algo: "sha256".to_owned(),
            hash_value: made.sha256,
            size: Some(made.size),
        })
    }

    fn directory(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.server.abort();
    }
}
