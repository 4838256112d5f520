//! Display names: believable ones in many scripts, and the ones that break careless programs.
//!
//! A name is made anew from its seed whenever it is shown, so that millions of them take no memory.

use fastrand::Rng;

const HEADS: [&str; 48] = [
    "Acme",
    "Northwind",
    "Blue Harbor",
    "Silverline",
    "Granite",
    "Oakridge",
    "Helios",
    "Vertex",
    "Cobalt",
    "Meridian",
    "Juniper",
    "Redwood",
    "Summit",
    "Lakeshore",
    "Ironclad",
    "Polaris",
    "Quantum",
    "Riverbend",
    "Saffron",
    "Tidewater",
    "Umbra",
    "Vanguard",
    "Westgate",
    "Yellowfin",
    "Zephyr",
    "Atlas",
    "Beacon",
    "Cascade",
    "Driftwood",
    "Ember",
    "Fjord",
    "Garnet",
    "Highland",
    "Inkwell",
    "Jasper",
    "Keystone",
    "Lumen",
    "Monarch",
    "Nimbus",
    "Orchard",
    "Pinnacle",
    "Quarry",
    "Rookery",
    "Sequoia",
    "Thistle",
    "Upland",
    "Verdant",
    "Willow",
];

const TRADES: [&str; 32] = [
    "Logistics",
    "Health",
    "Capital",
    "Foods",
    "Robotics",
    "Media",
    "Energy",
    "Security",
    "Analytics",
    "Insurance",
    "Textiles",
    "Marine",
    "Aviation",
    "Education",
    "Software",
    "Consulting",
    "Biotech",
    "Payments",
    "Retail",
    "Construction",
    "Mining",
    "Networks",
    "Pharma",
    "Studios",
    "Travel",
    "Water",
    "Motors",
    "Legal",
    "Farms",
    "Labs",
    "Steel",
    "Telecom",
];

const FORMS: [&str; 12] = [
    "Inc.", "Corp", "Ltd", "LLC", "GmbH", "S.A.", "B.V.", "AG", "Group", "& Sons", "Partners", "",
];

const WORLDWIDE: [&str; 20] = [
    "株式会社さくら商事",
    "北京星辰科技有限公司",
    "주식회사 한빛소프트",
    "ООО «Северный ветер»",
    "Ελληνική Ναυτιλία Α.Ε.",
    "شركة النور للتجارة",
    "חברת אור ושות׳",
    "हिमालय उद्योग लिमिटेड",
    "บริษัท ดาวเหนือ จำกัด",
    "Công ty Sao Mai",
    "Łódź Przędzalnia Sp. z o.o.",
    "Çınar Lojistik A.Ş.",
    "Müller & Söhne GmbH",
    "Société Générale d'Émaux",
    "Ñandú Alimentos S.A.",
    "Smørrebrød ApS",
    "Þór og synir ehf.",
    "ქართული ღვინო",
    "Երևան Տեխ",
    "தமிழ் நூலகம்",
];

/// Names that are allowed and that careless programs trip over. [`name`] draws one now and then;
/// [`hostile`] goes through all of them.
const HOSTILE: [&str; 20] = [
    "Rocket 🚀 & Family 👩‍👩‍👧‍👦",
    "\u{202e}gnihsihP ekaF\u{202c} Ltd",
    "Z\u{351}\u{36b}a\u{300}\u{301}l\u{489}go\u{321} Corp",
    "nul\u{0}in the middle",
    "<script>alert('name')</script>",
    "=cmd|' /C calc'!A0",
    "Robert'); DROP TABLE customers;--",
    "\"quoted\", with, commas",
    "line\nbreak\r\nand\ttab",
    "\u{feff}mark at the start",
    "../../etc/passwd",
    "  spaces around  ",
    "\u{1b}[31mred\u{1b}[0m",
    "null",
    "back\\slash \\u0041 \\n",
    "{\"customers\":[]}",
    "\u{7f}\u{80}\u{9f}\u{2028}\u{2029}",
    "e\u{301} is not é",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \u{10ffff}",
    "+1 555 0100",
];

/// Bytes of the longest name there is: long, and far within what a field may hold.
const LONG: usize = 4096;

/// Writes the name that belongs to `seed`: nine in ten are ordinary company names, most of the
/// others stand in other scripts, and one in a hundred is hostile.
pub(super) fn name(seed: u64, into: &mut String) {
    let mut random = Rng::with_seed(seed);
    match random.u8(..100) {
        0 => hostile(random.usize(..), into),
        1..=9 => into.push_str(WORLDWIDE[random.usize(..WORLDWIDE.len())]),
        _ => ordinary(&mut random, into),
    }
}

/// Writes the hostile name number `kind`, counted round and round.
pub(super) fn hostile(kind: usize, into: &mut String) {
    match kind % (HOSTILE.len() + 2) {
        0 => {}
        1 => into.extend(std::iter::repeat_n("long ", LONG / 5)),
        kind => into.push_str(HOSTILE[kind - 2]),
    }
}

fn ordinary(random: &mut Rng, into: &mut String) {
    into.push_str(HEADS[random.usize(..HEADS.len())]);
    into.push(' ');
    into.push_str(TRADES[random.usize(..TRADES.len())]);
    let form = FORMS[random.usize(..FORMS.len())];
    if !form.is_empty() {
        into.push(' ');
        into.push_str(form);
    }
}
