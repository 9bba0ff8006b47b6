//! Files of `-o`: written beside the target and renamed when they are whole, so
//! that a failure leaves what was there before. A name such as `x.csv.gz` has them
//! packed.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::NamedTempFile;

use super::Sink;
use super::output::write_error;
use super::packing::{Packer, Packing};
use crate::error::{Error, Result};

/// An output file that appears under its name only when it is finished; dropped
/// before, it leaves nothing behind and the old file as it was.
///
/// A device or a pipe cannot be renamed over and is written to directly.
#[derive(Debug)]
pub struct OutputFile {
    path: PathBuf,
    target: Target,
    /// What packs all that is written, if the name says so.
    packer: Option<Packer>,
}

#[derive(Debug)]
enum Target {
    Beside(NamedTempFile),
    Direct(File),
}

impl OutputFile {
    /// Starts a file that will be called `path`.
    ///
    /// # Errors
    /// When `path` is a symbolic link or a folder, stands for standard output, or
    /// its folder cannot be written to.
    pub fn create(path: &Path) -> Result<Self> {
        check_file(path)?;
        let target = match fs::symlink_metadata(path) {
            Ok(old) if old.is_symlink() => {
                return Err(
                    refused(path, "it is a symbolic link").hint("name the file that it points to")
                );
            }
            Ok(old) if old.is_dir() => return Err(refused(path, "it is a folder")),
            Ok(old) if old.is_file() => beside(path, Some(old.permissions())),
            Ok(_) => File::options().write(true).open(path).map(Target::Direct),
            Err(_) => beside(path, None),
        };
        let target = target.map_err(|error| Error::io("write", path, &error))?;
        let mut file = Self { path: path.to_owned(), target, packer: None };
        let (packing, _) = Packing::of(path);
        if packing != Packing::Not {
            let packer = Packer::new(file.writer()?, packing);
            file.packer = Some(packer.map_err(|error| Error::io("write", path, &error))?);
        }
        Ok(file)
    }

    /// The name that the file will have.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the content goes; errors of it name the file.
    ///
    /// # Errors
    /// When the system has no more file handles.
    pub fn writer(&self) -> Result<Sink> {
        if let Some(packer) = &self.packer {
            return Ok(Box::new(packer.clone()));
        }
        let file = match &self.target {
            Target::Beside(file) => file.as_file().try_clone(),
            Target::Direct(file) => file.try_clone(),
        };
        let file = file.map_err(|error| Error::io("write", &self.path, &error))?;
        Ok(Box::new(Named { file, path: self.path.as_path().into() }))
    }

    /// Writes all of it and gives the file its name.
    ///
    /// # Errors
    /// When it cannot be written; the old file is then untouched.
    pub fn fill(self, content: &[u8]) -> Result<()> {
        self.writer()?.write_all(content).map_err(|error| write_error(&error))?;
        self.finish()
    }

    /// Gives the file its name, once all that was written is safe on the disk.
    ///
    /// # Errors
    /// When it cannot be synced or renamed; the old file is then untouched.
    pub fn finish(self) -> Result<()> {
        if let Some(packer) = &self.packer {
            packer.finish().map_err(|error| write_error(&error))?;
        }
        let Target::Beside(file) = self.target else { return Ok(()) };
        let failed = |error: &io::Error| Error::io("write", &self.path, error);
        file.as_file().sync_all().map_err(|error| failed(&error))?;
        file.persist(&self.path).map_err(|error| failed(&error.error))?;
        File::open(folder(&self.path))
            .and_then(|folder| folder.sync_all())
            .map_err(|error| failed(&error))
    }
}

/// Refuses a name by which other programs mean standard output.
pub(super) fn check_file(path: &Path) -> Result<()> {
    if path != Path::new("-") && path != Path::new("/dev/stdout") {
        return Ok(());
    }
    let error = Error::usage(format!("{} is no file to write", path.display()));
    Err(error.hint("answers go to standard output where no file is named; ./- is a file"))
}

fn refused(path: &Path, why: &str) -> Error {
    Error::usage(format!("cannot write {}: {why}", path.display()))
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// A hidden file in the folder of `path`, with the permissions of the old file.
fn beside(path: &Path, old: Option<Permissions>) -> io::Result<Target> {
    let Some(name) = path.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the name has no last part"));
    };
    let prefix = format!(".{}.", name.to_string_lossy());
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".part");
    if old.as_ref().is_some_and(Permissions::readonly) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    builder.permissions(old.unwrap_or_else(new_file));
    Ok(Target::Beside(builder.tempfile_in(folder(path))?))
}

/// What a newly made file may have; the user's mask takes its part away.
#[cfg(unix)]
fn new_file() -> Permissions {
    use std::os::unix::fs::PermissionsExt;
    Permissions::from_mode(0o666)
}

/// A file handle whose errors name the file.
struct Named {
    file: File,
    path: Arc<Path>,
}

impl Named {
    fn name(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), Error::io("write", &self.path, error))
    }
}

impl Write for Named {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(|error| self.name(&error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush().map_err(|error| self.name(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) -> Result<OutputFile> {
        let file = OutputFile::create(path)?;
        file.writer()?.write_all(text.as_bytes()).unwrap();
        Ok(file)
    }

    #[test]
    fn a_finished_file_replaces_the_old_one_and_a_dropped_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        write(&path, "old").unwrap().finish().unwrap();
        drop(write(&path, "half").unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        write(&path, "new").unwrap().finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_suffix_has_a_file_packed_and_all_that_is_written_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let read = |name: &str| -> Box<dyn io::Read> {
            let file = File::open(folder.path().join(name)).unwrap();
            match name.ends_with("gz") {
                true => Box::new(flate2::read::GzDecoder::new(file)),
                false => Box::new(zstd::Decoder::new(file).unwrap()),
            }
        };
        for name in ["x.csv.gz", "x.csv.zst"] {
            let file = write(&folder.path().join(name), "a,b\n").unwrap();
            file.writer().unwrap().write_all("1,微博\n".as_bytes()).unwrap();
            file.finish().unwrap();
            let mut text = String::new();
            read(name).read_to_string(&mut text).unwrap();
            assert_eq!(text, "a,b\n1,微博\n", "{name}");
        }
    }

    #[test]
    fn a_symbolic_link_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, "kept").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let error = OutputFile::create(&link).unwrap_err();
        assert!(error.message().contains("link: it is a symbolic link"), "{error}");
        assert_eq!(fs::read_to_string(&real).unwrap(), "kept");
    }

    #[test]
    fn standard_output_is_no_file() {
        for name in ["-", "/dev/stdout"] {
            let error = OutputFile::create(Path::new(name)).unwrap_err();
            assert!(error.advice().unwrap().contains("no file is named"), "{error}");
            let error = crate::render::format_for_suffix(Path::new(name)).unwrap_err();
            assert!(error.advice().unwrap().contains("no file is named"), "{error}");
        }
    }

    #[test]
    fn a_folder_or_a_missing_folder_is_an_error_that_names_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let error = OutputFile::create(folder.path()).unwrap_err();
        assert!(error.message().contains("it is a folder"), "{error}");
        let error = OutputFile::create(&folder.path().join("no/out.csv")).unwrap_err();
        assert!(error.message().contains("no/out.csv: no such file or folder"), "{error}");
    }

    #[test]
    fn a_device_is_written_to_and_not_replaced() {
        write(Path::new("/dev/null"), "gone").unwrap().finish().unwrap();
        assert!(!fs::symlink_metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn a_full_disk_is_a_limit_and_names_the_file() {
        let file = OutputFile::create(Path::new("/dev/full")).unwrap();
        let error = file.writer().unwrap().write_all(b"x").unwrap_err();
        let error = write_error(&error);
        assert_eq!(error.exit_code(), 4);
        assert_eq!(error.message(), "cannot write /dev/full: no space left on the disk");
    }

    #[cfg(unix)]
    #[test]
    fn the_permissions_of_the_old_file_stay() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.csv");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        write(&path, "new").unwrap().finish().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
