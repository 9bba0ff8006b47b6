//! What the beginning of a CSV file tells of its header, its columns and its encoding.
//!
//! The engine looks ahead in chunks that it ends at a line break, also at one
//! inside quotes (`newline_delimited_stream` of `object_store` 0.13 searches them
//! from behind), and then takes posts with line breaks for broken rows. Here rows
//! are read as the scan will read them.

mod lines;
mod places;
mod told;
mod values;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::csv::{ReaderBuilder, StringRecord};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;

use super::aside::Waiting;
use super::notices::OfColumns;
use crate::error::{Error, Result};
use crate::ingest::Decoded;
use crate::model::unique_names;
use lines::Lines;
use places::{is_known, places_of};
pub(crate) use told::not_text;
pub(super) use told::quoted;
use told::{about_header, no_common_column, notices, other_encoding, unread};
use values::{At, Values, is_code, is_text};

/// Rows that are looked at, of all files together.
const ROWS: usize = 20_000;

/// Bytes in which the header must end for its delimiter to be found.
const HEADER: u64 = 64 << 10;

/// Lines by which texts are told to be a table.
const LINES: usize = 20;

/// How files are looked at.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    /// What a person calls them.
    pub(super) name: &'a str,
    /// What stands between their columns, if that is known.
    pub(super) delimiter: Option<u8>,
    /// How they are packed.
    pub(super) compression: FileCompressionType,
    /// The time zone of which instants in them become.
    pub(super) zone: &'a str,
    /// Which columns of several files are the same.
    pub(super) same: Same,
    /// Whether their first lines name the columns, if that is said.
    pub(super) has_header: Option<bool>,
}

/// Which columns of several files are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Same {
    /// Those at one place: all files have one header.
    Place,
    /// Those of one name; not every file has all.
    Name,
}

/// What the beginning of some files tells.
#[derive(Debug)]
pub(super) struct Seen {
    /// What stands between their columns.
    pub(super) delimiter: u8,
    /// Whether their first lines name the columns.
    pub(super) has_header: bool,
    /// The columns of all files.
    pub(super) columns: SchemaRef,
    /// The files by their headers. Those without a line are left out if they differ.
    pub(super) alike: Vec<Alike>,
    /// Whether they have to be decoded: one is in another encoding than UTF-8.
    pub(super) is_decoded: bool,
    /// What to say of headers in doubt.
    pub(super) notices: Vec<String>,
    /// What to say of columns that few values make texts of, when one of them is asked for.
    pub(super) of_columns: Vec<OfColumns>,
}

/// Files of one header.
#[derive(Debug)]
pub(super) struct Alike {
    /// Their columns, in the order in which they have them.
    pub(super) columns: SchemaRef,
    /// Their numbers.
    pub(super) files: Vec<usize>,
}

/// Looks at the files at `paths`, as long as somebody is `waiting` for what they tell.
pub(super) fn look(paths: &[PathBuf], asked: &Asked<'_>, waiting: &Waiting) -> Result<Seen> {
    let compression = asked.compression;
    let mut look = Look {
        asked,
        waiting,
        delimiter: asked.delimiter,
        first: None,
        headers: Vec::new(),
        has_header: true,
        in_doubt: None,
        left: ROWS,
        foreign: None,
    };
    let mut columns = Vec::new();
    for (file, path) in paths.iter().enumerate() {
        if waiting.is_over() {
            break;
        }
        look.at(file, path, &mut columns)?;
    }
    if let Some((path, encoding)) = look.foreign
        && compression != FileCompressionType::UNCOMPRESSED
    {
        return Err(other_encoding(path, encoding, "unpack it first, or take it in:"));
    }
    let field =
        |column: &Column| Field::new(&column.name, column.values.data_type(asked.zone), true);
    let fields = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    let alike_of = |Header { places, files, .. }: Header| {
        let columns = fields.project(&places).map(Arc::new);
        columns.map(|columns| Alike { columns, files })
    };
    let alike: Result<Vec<Alike>, ArrowError> = look.headers.into_iter().map(alike_of).collect();
    let in_doubt = look.in_doubt.map(|path| about_header(path, asked, look.has_header));
    Ok(Seen {
        delimiter: look.delimiter.unwrap_or(b','),
        has_header: look.has_header,
        alike: alike.map_err(|error| Error::internal(error.to_string()))?,
        columns: Arc::new(fields),
        is_decoded: look.foreign.is_some(),
        notices: in_doubt.into_iter().collect(),
        of_columns: notices(&columns, paths),
    })
}

/// A look at some files, one after another.
struct Look<'a> {
    asked: &'a Asked<'a>,
    waiting: &'a Waiting,
    /// What stands between the columns, once that is known.
    delimiter: Option<u8>,
    /// The first file that is not empty, and its first line.
    first: Option<(&'a Path, StringRecord)>,
    /// The headers so far: one, unless columns of one name are the same.
    headers: Vec<Header>,
    /// Whether that line, as those of the other files, names the columns.
    has_header: bool,
    /// The file of which that has to be told.
    in_doubt: Option<&'a Path>,
    /// How many rows are to be looked at yet.
    left: usize,
    /// The first file that is not in UTF-8, and its encoding.
    foreign: Option<(&'a Path, &'static str)>,
}

/// A header, and the files that have it.
struct Header {
    /// Its names, as they are written.
    line: StringRecord,
    /// Where each stands among the columns of all files.
    places: Vec<usize>,
    files: Vec<usize>,
}

/// A column, and what its values were so far.
struct Column {
    name: String,
    values: Values,
}

impl<'a> Look<'a> {
    /// Looks at the file at `path`, which has the number `file`; `columns` are those
    /// of the files before.
    fn at(&mut self, file: usize, path: &'a Path, columns: &mut Vec<Column>) -> Result<()> {
        let mut read = Decoded::new(open(path, self.asked.compression)?);
        let encoding = read.encoding();
        let mut head = Vec::new();
        let begun = read.by_ref().take(HEADER).read_to_end(&mut head);
        begun.map_err(|error| Error::io("read", path, &error))?;
        let delimiter = *self.delimiter.get_or_insert_with(|| delimiter(&head));
        let lines = Lines::of(&head);
        let unread = |error: ::csv::Error| unread(path, &error, lines);
        let text = head.as_slice().chain(read);
        let mut rows = ReaderBuilder::new().delimiter(delimiter).from_reader(text);
        let is_first = self.first.is_none();
        let header = rows.headers().map_err(unread)?.clone();
        let places = self.places((file, path), &header, columns)?;
        if !is_first && !self.has_header {
            see_first_line(columns, &header, file);
        }
        let before = self.left;
        let mut row = StringRecord::new();
        while (self.left > 0 || columns.iter().any(|column| column.values.are_decimals()))
            && !self.waiting.is_over()
            && rows.read_record(&mut row).map_err(unread)?
        {
            self.left = self.left.saturating_sub(1);
            let at = At { file, line: lines.line(row.position()) };
            for (place, value) in places.iter().zip(&row) {
                if let Some(column) = columns.get_mut(*place) {
                    column.values.see(value, at);
                }
            }
        }
        if is_first && !header.is_empty() {
            self.judge(path, &header, columns, self.left < before);
            if !self.has_header {
                see_first_line(columns, &header, file);
            }
        }
        self.foreign = self.foreign.or(encoding.other().map(|encoding| (path, encoding)));
        Ok(())
    }

    /// Decides whether the first line of the first file is a `header` of its `columns`,
    /// below which there are rows if `has_rows`: if nobody said so, it is none if it looks
    /// like the rows, and these are not all of texts.
    fn judge(
        &mut self,
        path: &'a Path,
        header: &StringRecord,
        columns: &mut [Column],
        has_rows: bool,
    ) {
        let all_texts = columns.iter().all(|column| column.values.are_texts());
        let says_more = match has_rows {
            true => !all_texts,
            false => header.iter().any(|value| !value.is_empty() && !is_text(value)),
        };
        let mut values = columns.iter().zip(header);
        let is_row = says_more && values.all(|(column, value)| column.values.fits(value));
        let said = self.asked.has_header;
        if !said.unwrap_or(!is_row) {
            self.has_header = false;
            self.in_doubt = said.is_none().then_some(path);
            for (at, column) in columns.iter_mut().enumerate() {
                column.name = format!("column{at}");
            }
        } else if said.is_none() && has_rows && all_texts && !names_columns(header) {
            self.in_doubt = Some(path);
        }
    }

    /// Takes the `header` of a file into account: where its columns stand among those of
    /// all files. The scan of files of one header goes by the places of their columns.
    fn places(
        &mut self,
        (file, path): (usize, &'a Path),
        header: &StringRecord,
        columns: &mut Vec<Column>,
    ) -> Result<Vec<usize>> {
        if header.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(known) = self.headers.iter_mut().find(|known| known.line == *header) {
            known.files.push(file);
            return Ok(known.places.clone());
        }
        let names = column_names(header);
        match &self.first {
            None => self.first = Some((path, header.clone())),
            Some((_, first)) if !self.has_header && first.len() == header.len() => {
                // Its first line is a row.
                if let Some(known) = self.headers.first_mut() {
                    known.files.push(file);
                    return Ok(known.places.clone());
                }
            }
            Some((first, _)) if self.asked.same == Same::Name && self.has_header => {
                // Its first line may be a row, or have other signs between its columns.
                if !names.iter().any(|name| is_known(columns, name)) {
                    return Err(no_common_column(path, first));
                }
            }
            Some((first, line)) => {
                return Err(self.other_columns((path, header), (*first, line)));
            }
        }
        let places = places_of(columns, names);
        self.headers.push(Header {
            line: header.clone(),
            places: places.clone(),
            files: vec![file],
        });
        Ok(places)
    }

    /// The error for a file with its header whose columns are not those of the `first`.
    fn other_columns(
        &self,
        (path, header): (&Path, &StringRecord),
        (first, names): (&Path, &StringRecord),
    ) -> Error {
        let list = |header: &StringRecord| header.iter().collect::<Vec<_>>().join(", ");
        let (path, first) = (path.display(), first.display());
        let message = format!(
            "{path} has the columns {}, and {first} {}: files that are asked together have the same in the \
             same order",
            list(header),
            list(names)
        );
        let name = self.asked.name.replace('\'', "''");
        Error::query(message).hint(match self.has_header {
            true => format!("SELECT * FROM read_csv('{name}', union_by_name = true)"),
            false => "they have no header: ask those of one form by their own pattern".to_owned(),
        })
    }
}

/// Takes the first line of the file with the number `file` for a row.
fn see_first_line(columns: &mut [Column], line: &StringRecord, file: usize) {
    for (column, value) in columns.iter_mut().zip(line) {
        column.values.see(value, At { file, line: 1 });
    }
}

/// Whether a line looks like one that names columns: each has a name of its own.
fn names_columns(line: &StringRecord) -> bool {
    let mut names: Vec<&str> = line.iter().collect();
    let all_named = names.iter().all(|name| !name.is_empty() && is_text(name) && !is_code(name));
    names.sort_unstable();
    names.dedup();
    all_named && names.len() == line.len()
}

/// The type that holds all of `values`, those of the names of folders, as it is found
/// for a column; a month that is called 08 is a number all the same.
pub(super) fn type_of<'a>(values: impl Iterator<Item = &'a str>, zone: &str) -> DataType {
    let mut seen = Values::default();
    let is_number = |value: &str| value.bytes().all(|byte| byte.is_ascii_digit());
    for value in values {
        let plain = match value.trim_start_matches('0') {
            "" if !value.is_empty() => "0",
            plain if is_number(plain) => plain,
            _ => value,
        };
        seen.see(plain, At { file: 0, line: 0 });
    }
    seen.data_type(zone)
}

/// Refuses a file of texts that is no table: whose lines do not have the same columns,
/// or only one.
pub(super) fn check_table(
    path: &Path,
    known: Option<u8>,
    compression: FileCompressionType,
) -> Result<()> {
    let mut head = Vec::new();
    let read = Decoded::new(open(path, compression)?).take(HEADER).read_to_end(&mut head);
    read.map_err(|error| Error::io("read", path, &error))?;
    let delimiter = known.unwrap_or_else(|| delimiter(&head));
    let mut rows =
        ReaderBuilder::new().delimiter(delimiter).has_headers(false).from_reader(head.as_slice());
    // The last row may be cut.
    let rows: Vec<_> = rows.records().take(LINES).collect();
    let is_table = rows.iter().rev().skip(1).all(Result::is_ok);
    let has_columns = matches!(rows.first(), Some(Ok(row)) if row.len() > 1);
    if is_table && has_columns {
        return Ok(());
    }
    let message = format!("{} is text, and not in columns that can be told apart", path.display());
    Err(Error::query(message).hint(
        "as a table with one column it is read under a name that ends in .csv; posts of a crawler \
         are taken in: `weiku import DB FILE`",
    ))
}

/// The names of the columns under `header`, told apart; of a column that has none,
/// as those of row numbers often do, it is `column1`, by its place.
fn column_names(header: &StringRecord) -> Vec<String> {
    let name = |(at, name): (usize, &str)| match name.is_empty() {
        true => format!("column{}", at + 1),
        false => name.to_owned(),
    };
    let names: Vec<String> = header.iter().enumerate().map(name).collect();
    unique_names(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

/// What stands between the columns of a file that begins with `head`: of the usual
/// ones that which its header has most; a comma if it has none.
fn delimiter(head: &[u8]) -> u8 {
    let mut quoted = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0), (b'|', 0)];
    for byte in head {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            _ => {}
        }
        if let Some((_, count)) = counts.iter_mut().find(|(usual, _)| usual == byte && !quoted) {
            *count += 1;
        }
    }
    let most = counts.iter().rev().max_by_key(|(_, count)| *count);
    most.filter(|(_, count)| *count > 0).map_or(b',', |(delimiter, _)| *delimiter)
}

fn open(path: &Path, compression: FileCompressionType) -> Result<Box<dyn Read + Send>> {
    let file = File::open(path).map_err(|error| Error::io("read", path, &error))?;
    compression.convert_read(file).map_err(|error| Error::query(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn looked_by(same: Same, paths: &[PathBuf]) -> Result<Seen> {
        let compression = FileCompressionType::UNCOMPRESSED;
        let zone = "Asia/Shanghai";
        let has_header = None;
        let asked = Asked { name: "*.csv", delimiter: None, compression, zone, same, has_header };
        look(paths, &asked, &Waiting::default())
    }

    fn looked(paths: &[PathBuf]) -> Result<Seen> {
        looked_by(Same::Place, paths)
    }

    fn of(text: &str) -> (u8, SchemaRef) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let seen = looked(&[file.path().to_owned()]).unwrap();
        (seen.delimiter, seen.columns)
    }

    #[test]
    fn line_breaks_in_quotes_end_no_row_wherever_a_chunk_ends() {
        let rows: String = (0..5000).map(|row| format!("{row},\"第{row}条\n, \\\"\n")).collect();
        let (delimiter, schema) = of(&format!("id,text\n{rows}"));
        assert_eq!(delimiter, b',');
        assert_eq!(schema.field(0).data_type(), &DataType::Int64);
        assert_eq!(schema.field(1).data_type(), &DataType::Utf8);
    }

    #[test]
    fn a_column_that_is_empty_so_far_is_text() {
        let (_, schema) = of("a,b,c\n1,,1\n2,,2.5\n");
        let types: Vec<_> = schema.fields().iter().map(|field| field.data_type().clone()).collect();
        assert_eq!(types, [DataType::Int64, DataType::Utf8, DataType::Float64]);
    }

    #[test]
    fn decimals_are_looked_at_to_the_end_of_the_file() {
        let rows = "1.5\n".repeat(2 * ROWS);
        let (_, schema) = of(&format!("price\n12345678901234567.5\n{rows}0.125\n"));
        assert_eq!(schema.field(0).data_type(), &DataType::Decimal128(20, 3));
    }

    #[test]
    fn zeros_before_digits_are_kept_in_columns_and_not_in_names_of_folders() {
        let rows: String = (1..40).map(|row| format!("00{row},{row}\n")).collect();
        let (_, schema) = of(&format!("phone,n\n{rows}"));
        let types: Vec<_> = schema.fields().iter().map(|field| field.data_type().clone()).collect();
        assert_eq!(types, [DataType::Utf8, DataType::Int64]);
        assert_eq!(type_of(["08", "10", "000"].into_iter(), "UTC"), DataType::Int64);
        assert_eq!(type_of(["08", "x"].into_iter(), "UTC"), DataType::Utf8);

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        let rows: String = (1..40).map(|row| format!("{row}\n")).collect();
        std::fs::write(&path, format!("region\n010\n{rows}")).unwrap();
        let seen = looked(&[path]).unwrap();
        let told = &seen.of_columns[0].notice;
        assert!(told.contains("line 2 has '010', whose zero a number would lose"), "{told}");
        assert!(told.ends_with("TRY_CAST(region AS BIGINT) makes numbers of them"), "{told}");
    }

    #[test]
    fn columns_of_one_name_and_of_none_are_told_apart() {
        let (_, schema) = of(",a,a,\n1,2,3,4\n");
        let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["column1", "a", "a_2", "column4"]);
    }

    #[test]
    fn times_with_a_zone_are_instants() {
        let (_, schema) = of("a,b,c\n2012-08-27T10:00:00.5,,2012-08-27 10:00:00\n\
                              2012-08-27T10:00:00,2012-08-27T10:00:00+08:00,2012-08-27T10:00:00Z\n");
        let zone = |index: usize| match schema.field(index).data_type() {
            DataType::Timestamp(_, zone) => zone.clone(),
            other => Some(other.to_string().into()),
        };
        assert_eq!(zone(0), None);
        assert_eq!(zone(1).as_deref(), Some("Asia/Shanghai"));
        assert_eq!(zone(2).as_deref(), Some("Asia/Shanghai"));
    }

    #[test]
    fn the_header_tells_the_delimiter() {
        for (header, expected) in [
            ("a;b;c", b';'),
            ("a\tb", b'\t'),
            ("a|b|c,d", b'|'),
            ("a", b','),
            ("\"a;b;c\",d", b','),
        ] {
            assert_eq!(of(&format!("{header}\n")).0, expected, "{header}");
        }
    }

    fn names(text: &str) -> Vec<String> {
        of(text).1.fields().iter().map(|field| field.name().clone()).collect()
    }

    #[test]
    fn a_first_line_like_the_others_is_no_header() {
        for (text, expected) in [
            ("1,2012-08-27,x\n2,2012-08-28,y\n", ["column0", "column1", "column2"].as_slice()),
            ("x,1\ny,2\n", &["column0", "column1"]),
            ("1,2\n", &["column0", "column1"]),
            ("1,\n2,3\n", &["column0", "column1"]),
            ("id,2020\n1,2\n", &["id", "2020"]),
            ("x,y\nz,w\n", &["x", "y"]),
            ("a,b\n", &["a", "b"]),
            (",a\n0,1\n", &["column1", "a"]),
        ] {
            assert_eq!(names(text), expected, "{text}");
        }
        // The line counts as a row.
        assert_eq!(of("2.5,1\n2,3\n").1.field(0).data_type(), &DataType::Float64);
    }

    #[test]
    fn the_files_of_a_set_have_a_header_together_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("0.csv"), "").unwrap();
        std::fs::write(path("1.csv"), "1,x\n2,y\n").unwrap();
        std::fs::write(path("2.csv"), "3.5,z\n").unwrap();
        let all = [path("0.csv"), path("1.csv"), path("2.csv")];
        let seen = looked(&all).unwrap();
        assert!(!seen.has_header);
        assert_eq!(seen.columns.field(0).data_type(), &DataType::Float64);
        let told = &seen.notices[0];
        assert!(told.contains("1.csv has no header"), "{told}");
        assert!(told.ends_with("FROM read_csv('*.csv', header = true)"), "{told}");
        std::fs::write(path("2.csv"), "3,z,4\n").unwrap();
        assert!(looked(&all).is_err());
    }

    #[test]
    fn columns_of_one_name_are_the_same_if_that_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("1.csv"), "id,text\n1,x\n").unwrap();
        std::fs::write(path("2.csv"), "").unwrap();
        std::fs::write(path("3.csv"), "likes,id\n5,2.5\n").unwrap();
        std::fs::write(path("4.csv"), "id,text\n3,y\n").unwrap();
        let all = ["1.csv", "2.csv", "3.csv", "4.csv"].map(path);
        let told = looked(&all).unwrap_err();
        let told = told.advice().unwrap();
        assert_eq!(told, "SELECT * FROM read_csv('*.csv', union_by_name = true)");
        let Seen { columns, alike, .. } = looked_by(Same::Name, &all).unwrap();
        let list = |columns: &SchemaRef| {
            let name = |field: &Arc<Field>| format!("{} {}", field.name(), field.data_type());
            columns.fields().iter().map(name).collect::<Vec<_>>()
        };
        assert_eq!(list(&columns), ["id Float64", "text Utf8", "likes Int64"]);
        assert_eq!(alike.len(), 2);
        assert_eq!(list(&alike[0].columns), ["id Float64", "text Utf8"]);
        assert_eq!(list(&alike[1].columns), ["likes Int64", "id Float64"]);
        assert_eq!((&alike[0].files[..], &alike[1].files[..]), (&[0, 3][..], &[2][..]));
        // What has nothing in common is most likely no header.
        std::fs::write(path("2.csv"), "7,z\n").unwrap();
        let told = looked_by(Same::Name, &all).unwrap_err();
        assert!(told.message().contains("no column in common"), "{told}");
    }

    #[test]
    fn a_header_of_texts_that_names_no_columns_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        for (text, is_told) in [
            ("张三,,北京\n李四,x,上海\n", true),
            ("张三,张三\n李四,x\n", true),
            ("张三,北京\n李四,上海\n", false),
            ("张三,,北京\n", false),
        ] {
            std::fs::write(&path, text).unwrap();
            let seen = looked(std::slice::from_ref(&path)).unwrap();
            assert!(seen.has_header, "{text}");
            assert_eq!(!seen.notices.is_empty(), is_told, "{text}");
        }
    }

    #[test]
    fn text_is_a_table_if_its_lines_have_the_same_columns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.txt");
        let is_table = |text: &str| {
            std::fs::write(&path, text).unwrap();
            check_table(&path, None, FileCompressionType::UNCOMPRESSED).is_ok()
        };
        assert!(is_table("a\tb\n1\t2\n") && is_table("a|b\n1|2"));
        assert!(!is_table("a\nb\n") && !is_table("") && !is_table("a, b\nc\nd\n"));
    }
}
