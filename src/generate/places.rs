//! Provinces and cities, which are real, and counties, which are made up.

use super::dice::Dice;

/// The provinces and their cities.
const SOURCE: &str = include_str!("places.txt");

/// Provinces where winters are mild.
const MILD: [&str; 3] = ["广东省", "广西", "海南省"];

/// First and second characters of made-up counties.
const COUNTY_FIRST: &str = "安永清临泰宁建兴德广怀万龙凤金石青白新丰昌武文长嘉靖";
const COUNTY_SECOND: &str = "河阳山宁川水溪城平源湖陵泉江安化林原岭田";

/// The provinces with their cities.
#[derive(Debug)]
pub(super) struct Places {
    provinces: Vec<Province>,
}

/// A province.
#[derive(Debug)]
pub(super) struct Province {
    /// Its name, with its kind where that is customary.
    pub(super) name: &'static str,
    /// Its name in short.
    pub(super) short: &'static str,
    /// Its cities, or districts where it is a municipality.
    pub(super) cities: Vec<&'static str>,
}

impl Province {
    /// Whether it is a city of the rank of a province.
    pub(super) fn is_municipality(&self) -> bool {
        self.name.ends_with('市')
    }
}

impl Places {
    /// All places.
    pub(super) fn new() -> Self {
        let provinces = SOURCE
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split_once(':'))
            .map(|(name, cities)| Province {
                name,
                short: name.trim_end_matches(['省', '市']),
                cities: cities.split('|').collect(),
            })
            .collect();
        Self { provinces }
    }

    /// Some province.
    pub(super) fn province(&self, dice: &mut Dice) -> &Province {
        dice.pick(&self.provinces)
    }

    /// Some city that is no district.
    pub(super) fn city(&self, dice: &mut Dice) -> &'static str {
        let province = self.province(dice);
        if province.is_municipality() {
            province.short
        } else {
            dice.pick::<&str>(&province.cities)
        }
    }

    /// Whether winters are mild in a province, or in a city that is no district.
    pub(super) fn is_mild(&self, place: &str) -> bool {
        let is_in =
            |province: &Province| province.name == place || province.cities.contains(&place);
        self.provinces.iter().filter(|province| MILD.contains(&province.name)).any(is_in)
    }

    /// Some province that has counties.
    pub(super) fn rural_province(&self, dice: &mut Dice) -> &Province {
        loop {
            let province = self.province(dice);
            if !province.is_municipality() {
                return province;
            }
        }
    }
}

/// A made-up county, without the word for its rank.
pub(super) fn county(dice: &mut Dice) -> String {
    let first = dice.below(COUNTY_FIRST.chars().count());
    let second = dice.below(COUNTY_SECOND.chars().count());
    let mut name: String = COUNTY_FIRST.chars().skip(first).take(1).collect();
    name.extend(COUNTY_SECOND.chars().skip(second).take(1));
    name
}
