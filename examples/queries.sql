-- A cookbook for the lake, in DuckDB:  duckdb -init data/lake/analytics.sql < examples/queries.sql
-- Each query stands under a line that begins with "-- name:"; a test runs them all.

-- name: customers and seats by tier
SELECT tier_name, count(*) AS customers, sum(member_count)::BIGINT AS members
FROM customers
GROUP BY ALL
ORDER BY customers DESC, tier_name;

-- name: how fresh the data is
SELECT
    count(*) AS customers,
    count(*) FILTER (detail_verified_at IS NULL) AS never_verified,
    min(detail_verified_at) AS oldest_details
FROM customers;

-- name: the runs behind it, newest first
SELECT started_at, outcome, grade, added, changed, deleted
FROM runs
ORDER BY started_at DESC
LIMIT 10;

-- name: as of an instant
SELECT subscription_status, count(*) AS customers
FROM customers_as_of(TIMESTAMPTZ '2026-03-15 00:00:00+00')
GROUP BY ALL
ORDER BY customers DESC, subscription_status;

-- name: new customers a week
SELECT date_trunc('week', changed_at)::DATE AS week, count(*) AS arrived
FROM customers_changes
WHERE op = 'insert'
GROUP BY ALL
ORDER BY week;

-- name: tier moves
SELECT old_tier_name AS before, tier_name AS after, count(*) AS customers
FROM customers_changes
WHERE op = 'update' AND tier_name IS DISTINCT FROM old_tier_name
GROUP BY ALL
ORDER BY customers DESC, before, after;

-- name: trials that became paying customers
SELECT date_trunc('month', changed_at)::DATE AS month, count(*) AS converted
FROM customers_changes
WHERE op = 'update' AND old_subscription_status = 'trialing' AND subscription_status = 'active'
GROUP BY ALL
ORDER BY month;

-- name: churn a month: who canceled or left, of those who were there when it began
WITH months AS (
    SELECT DISTINCT date_trunc('month', date)::DATE AS month FROM customers_daily
), there AS (
    SELECT month, count(*) AS customers
    FROM months
    JOIN customers_history h
        ON h.valid_from <= month AND (h.valid_to IS NULL OR h.valid_to > month) AND h.op <> 'delete'
    GROUP BY ALL
), lost AS (
    SELECT date_trunc('month', changed_at)::DATE AS month, count(DISTINCT id) AS lost
    FROM customers_changes
    WHERE op = 'delete'
        OR (op = 'update' AND subscription_status = 'canceled'
            AND old_subscription_status IS DISTINCT FROM 'canceled')
    GROUP BY ALL
)
SELECT month, customers, coalesce(lost, 0) AS lost, round(100.0 * coalesce(lost, 0) / customers, 2) AS percent
FROM there LEFT JOIN lost USING (month)
ORDER BY month;

-- name: recurring revenue by a table of prices
WITH prices(tier_name, dollars_a_month) AS (
    VALUES ('starter', 29), ('pro', 99), ('Pro', 99), ('Enterprise', 499), ('Adversary Pro', 899)
)
SELECT date, sum(customers * dollars_a_month)::BIGINT AS dollars_a_month
FROM customers_daily JOIN prices USING (tier_name)
WHERE subscription_status IN ('active', 'past_due')
GROUP BY ALL
ORDER BY date;

-- name: one customer's history
SELECT valid_from, valid_to, op, tier_name, subscription_status, member_count
FROM customers_history
WHERE id = (SELECT id FROM customers_changes WHERE op = 'update' ORDER BY changed_at, id LIMIT 1)
ORDER BY valid_from;
