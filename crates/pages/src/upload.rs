//! A `.crate` file from a browser: the form for it, and what became of it.

use askama::Template;

use crate::{Frame, RegistryHead, Wrongs, filters};

/// The form.
#[derive(Debug, Template)]
#[template(path = "upload.html")]
pub struct UploadPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: RegistryHead,
    /// Of a file, as its refusal would say it: `64 MiB`.
    pub largest: String,
    /// What is wrong with what was sent.
    pub wrongs: Wrongs,
}

/// A file that is a version now.
#[derive(Debug, Template)]
#[template(path = "uploaded.html")]
pub struct UploadedPage {
    /// Around it.
    pub frame: Frame,
    /// Above it.
    pub head: RegistryHead,
    /// As its manifest writes it.
    pub name: String,
    /// The version.
    pub version: String,
    /// In bytes.
    pub size: Option<u64>,
    /// SHA-256 of it.
    pub checksum: Option<String>,
    /// What its publisher may want to know.
    pub warnings: Vec<String>,
}
