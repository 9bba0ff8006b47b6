//! The fields in which agencies work, and how local agencies of each are
//! called.

/// The hours at which an account posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rhythm {
    /// Office hours, few posts at weekends.
    Office,
    /// From morning to midnight, every day alike.
    Newsroom,
    /// Office hours and the evening.
    Evening,
}

/// A field.
#[derive(Debug)]
pub(super) struct System {
    /// The code in `accounts.system`, and the prefix of its rules.
    pub(super) code: &'static str,
    /// Its share of local accounts, in tenths of a percent.
    pub(super) local_share: u32,
    /// The local body: in a province, and in a city or county.
    pub(super) bodies: [&'static str; 2],
    /// Endings of local accounts' names.
    pub(super) suffixes: &'static [&'static str],
    /// Days between two bursts of emergency information on average; 0 is never.
    pub(super) days_between_bursts: u32,
    /// The usual hours.
    pub(super) rhythm: Rhythm,
}

use Rhythm::{Evening, Newsroom, Office};

/// All fields. The position is an account's system.
pub(super) const SYSTEMS: [System; 21] = [
    system(
        "diplomacy",
        8,
        ["外事办公室", "外事办公室"],
        &["外事窗", "外事小站", "侨务外事通"],
        40,
        Evening,
    ),
    system(
        "public_security",
        380,
        ["公安厅", "公安局"],
        &[
            "警方e家",
            "警务播报",
            "公安微警务",
            "警民直通车",
            "交警小喇叭",
            "巡警在线",
            "派出所微站",
            "警花小站",
            "公安小贴士",
            "警方视窗",
            "反扒日记",
            "户政小窗口",
            "平安微哨",
            "交警微提示",
            "特警日志",
            "警营风采录",
            "网警小课堂",
            "出入境微服务",
        ],
        30,
        Evening,
    ),
    system(
        "health",
        45,
        ["卫生厅", "卫生局"],
        &["健康e站", "卫生微窗", "疾控小课堂", "健康小处方站", "血站微互动", "医卫速递"],
        35,
        Office,
    ),
    system(
        "meteorology",
        45,
        ["气象局", "气象局"],
        &["天气微播", "气象小屋", "气象早知道", "天气哨", "风云小站"],
        14,
        Newsroom,
    ),
    system(
        "earthquake",
        12,
        ["地震局", "地震局"],
        &["震情微站", "防震减灾小窗", "地震科普站"],
        30,
        Newsroom,
    ),
    system(
        "education",
        50,
        ["教育厅", "教育局"],
        &["教育微门户", "招考小灵", "校园微风", "教育e线", "教育小信使"],
        0,
        Office,
    ),
    system(
        "railway",
        8,
        ["铁路局", "车务段"],
        &["铁路小站", "车站服务台", "列车微播"],
        45,
        Newsroom,
    ),
    system(
        "culture",
        35,
        ["文化厅", "文化局"],
        &["文化微廊", "文化小剧场", "群艺微站", "文博微展"],
        0,
        Office,
    ),
    system("science", 15, ["科技厅", "科技局"], &["科普微站", "科技小窗", "创新微播"], 0, Office),
    system(
        "environment",
        30,
        ["环境保护厅", "环境保护局"],
        &["环保微窗", "绿色小站", "空气质量微报", "环保小卫士"],
        50,
        Office,
    ),
    system("commerce", 25, ["商务厅", "商务局"], &["商务微窗", "市场微报", "菜价小灵"], 0, Office),
    system(
        "transport",
        45,
        ["交通运输厅", "交通运输局"],
        &["路况微播", "交通小喇叭", "公路e线", "客运小站", "公交微窗"],
        25,
        Newsroom,
    ),
    system("water", 18, ["水利厅", "水务局"], &["水情微站", "水利小窗", "节水小卫士"], 30, Office),
    system(
        "state_assets",
        4,
        ["国有资产监督管理委员会", "国有资产监督管理委员会"],
        &["国资微窗", "国企小站"],
        0,
        Office,
    ),
    system(
        "sports",
        18,
        ["体育局", "体育局"],
        &["健身微站", "体育小窗", "全民健身e家"],
        0,
        Evening,
    ),
    system(
        "drug_safety",
        20,
        ["食品药品监督管理局", "食品药品监督管理局"],
        &["食药小卫士", "用药微课堂", "放心餐桌e站"],
        50,
        Office,
    ),
    system(
        "tourism",
        90,
        ["旅游局", "旅游局"],
        &["旅游微达人", "慢游小站", "旅游e线", "文旅驿站", "游客小帮手", "山水微记"],
        0,
        Evening,
    ),
    system(
        "justice",
        55,
        ["高级人民法院", "人民法院"],
        &["法院微窗", "法官小课堂", "庭审微播", "普法e站"],
        0,
        Office,
    ),
    system(
        "youth_league",
        92,
        ["团省委", "团委"],
        &["青年微家", "青春e站", "团团小窝", "志愿者小站", "青联微播"],
        0,
        Evening,
    ),
    system(
        "fire",
        35,
        ["消防总队", "消防支队"],
        &["消防微站", "119小课堂", "消防红门e家"],
        20,
        Newsroom,
    ),
    system(
        "general",
        100,
        ["人民政府新闻办公室", "人民政府办公室"],
        &["微发布厅", "政务小窗", "政务微门户", "便民e站", "微政务", "新闻办小信使"],
        35,
        Newsroom,
    ),
];

/// The position of the field called `code`. The list has it.
pub(super) fn position(code: &str) -> Option<u8> {
    SYSTEMS.iter().position(|system| system.code == code).map(|position| position as u8)
}

/// One line of [`SYSTEMS`].
const fn system(
    code: &'static str,
    local_share: u32,
    bodies: [&'static str; 2],
    suffixes: &'static [&'static str],
    days_between_bursts: u32,
    rhythm: Rhythm,
) -> System {
    System { code, local_share, bodies, suffixes, days_between_bursts, rhythm }
}
