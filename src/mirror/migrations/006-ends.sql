-- Whether a run came to its end is said by itself, and not read off the words of its reason.

-- 1: nothing cut it short, however it ended.
ALTER TABLE runs ADD COLUMN came_to_its_end INTEGER NOT NULL DEFAULT 0;
UPDATE runs SET came_to_its_end = 1
WHERE mode <> 'refresh' AND (
    outcome IN ('done', 'held')
    OR outcome = 'partial' AND reason LIKE 'the list kept changing%'
    OR outcome = 'failed' AND reason LIKE 'some details are no answer of this API%'
);
