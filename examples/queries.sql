-- A cookbook for the lake, in DuckDB:  duckdb -init data/lake/analytics.sql < examples/queries.sql
-- Each query stands under a line that begins with "-- name:"; a test runs them all.
-- examples/notebook.py has the same questions for Polars and pandas too.

-- name: customers and seats by tier
SELECT tier_name, count(*) AS customers, sum(member_count)::BIGINT AS members
FROM customers
GROUP BY ALL
ORDER BY customers DESC, tier_name;

-- name: as of a date: tiers as they stood when the newest month began
WITH newest AS (SELECT date_trunc('month', max(date)) AS month FROM customers_daily)
SELECT tier_name, count(*) AS customers, sum(member_count)::BIGINT AS members
FROM customers_as_of((SELECT month FROM newest))
GROUP BY ALL
ORDER BY customers DESC, tier_name;

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

-- name: churn: of the customers there when a month began, how many were canceled or gone when it ended
WITH months AS (
    SELECT DISTINCT date_trunc('month', date)::DATE AS month FROM customers_daily
), standing AS (
    SELECT month, id
    FROM months JOIN customers_history
        ON valid_from <= month::TIMESTAMPTZ AND (valid_to IS NULL OR valid_to > month::TIMESTAMPTZ)
    WHERE op <> 'delete' AND subscription_status IS DISTINCT FROM 'canceled'
)
SELECT
    began.month,
    count(*) AS customers,
    count(*) FILTER (stayed.id IS NULL) AS lost,
    round(100.0 * lost / customers, 2) AS percent
FROM standing AS began
LEFT JOIN standing AS stayed
    ON stayed.id = began.id AND stayed.month = began.month + INTERVAL 1 MONTH
WHERE began.month < (SELECT max(month) FROM months)
GROUP BY began.month
ORDER BY began.month;

-- name: recurring revenue by a table of prices, at the end of each month
WITH prices(tier_name, dollars_a_month) AS (
    VALUES ('starter', 29), ('pro', 99), ('Pro', 99), ('Enterprise', 499), ('Adversary Pro', 899)
)
SELECT date, sum(customers * dollars_a_month)::BIGINT AS dollars_a_month
FROM customers_daily JOIN prices USING (tier_name)
WHERE subscription_status IN ('active', 'past_due')
    AND (date = last_day(date) OR date = (SELECT max(date) FROM customers_daily))
GROUP BY ALL
ORDER BY date;

-- name: the chart of a year: customers by tier, day by day
SELECT date, tier_name, sum(customers)::BIGINT AS customers
FROM customers_daily
WHERE date > (SELECT max(date) FROM customers_daily) - INTERVAL 1 YEAR
GROUP BY ALL
ORDER BY date, tier_name;

-- name: one customer's history: the one that changed most
WITH busiest AS (
    SELECT id FROM customers_history GROUP BY id ORDER BY count(*) DESC, id LIMIT 1
)
SELECT valid_from, valid_to, op, tier_name, subscription_status, member_count
FROM customers_history
WHERE id = (SELECT id FROM busiest)
ORDER BY valid_from;

-- name: freshness: how old the details are, seen from the newest run's end
WITH newest AS (SELECT max(finished_at) AS ended FROM runs)
SELECT
    count(*) AS customers,
    count(*) FILTER (detail_verified_at IS NULL) AS never_verified,
    date_sub('hour', min(detail_verified_at), (SELECT ended FROM newest)) AS oldest_hours,
    date_sub('hour', max(detail_verified_at), (SELECT ended FROM newest)) AS newest_hours
FROM customers;

-- name: the runs behind it, newest first
SELECT started_at, outcome, grade, added, changed, deleted
FROM runs
ORDER BY started_at DESC
LIMIT 10;
