/*---
title = "Planning (b): experts and the official position"
description = """Which share of each ministry's own posts names who speaks: a spokesperson, an expert, an office, the press; and which
share denies rumours or corrects. It counts the words that introduce a source; a source without them goes unseen, and what is
quoted is not checked."""
order = 9
tags = ["report", "2012", "planning"]
expect = [
  { unique = ["organization"] },
  { range = [0, 100], column = "percent_named_source" },
  { when = "SELECT 1 FROM posts HAVING max(posted_at) < TIMESTAMP '2012-09-01 00:00:00'", expect = [
    { rows = 17 },
  ] },
]
---*/
WITH own AS (
    SELECT organization,
        text ~ '发言人|负责人|专家|教授|院士|主任|处长|局长|部长|大使' AS names_person,
        text ~ '新闻办|办公室|台网|气象台|研究院|疾控|使馆|警方|指挥部|据.{0,12}(测定|通报|消息|介绍|报道)' AS names_office,
        text ~ '辟谣|谣言|不实|更正|勘误|澄清' AS corrects
    FROM posts_with_accounts
    WHERE level IN ('ministry', 'ministry_level') AND is_repost IS NOT TRUE AND text IS NOT NULL
)
SELECT organization, count(*) AS own_posts,
    round(100.0 * count(*) FILTER (WHERE names_person OR names_office) / count(*), 1) AS percent_named_source,
    round(100.0 * count(*) FILTER (WHERE names_person) / count(*), 1) AS percent_person,
    round(100.0 * count(*) FILTER (WHERE names_office) / count(*), 1) AS percent_office,
    round(100.0 * count(*) FILTER (WHERE corrects) / count(*), 1) AS percent_corrections
FROM own
GROUP BY organization
ORDER BY percent_named_source DESC, organization;
