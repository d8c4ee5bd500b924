-- A small bank. T-1001 is ordinary, T-1002 makes the rules unsure, T-1003 has a beneficiary from the watch list.
CREATE TABLE accounts (id TEXT PRIMARY KEY, holder TEXT, country TEXT, frozen_by TEXT);
CREATE TABLE devices (id TEXT PRIMARY KEY, first_seen_days INTEGER);
CREATE TABLE merchants (id TEXT PRIMARY KEY, country TEXT, risk REAL);
CREATE TABLE payments (account TEXT, day INTEGER, amount REAL);
CREATE TABLE watchlist (name TEXT, reason TEXT);
CREATE TABLE officers (name TEXT, on_duty INTEGER);
CREATE TABLE cases (id TEXT PRIMARY KEY, facts TEXT);
CREATE TABLE inbox (officer TEXT, case_id TEXT, names TEXT);
CREATE TABLE transactions (
    id TEXT PRIMARY KEY, account TEXT, device TEXT, merchant TEXT, beneficiary TEXT, amount REAL
);

INSERT INTO accounts VALUES ('A-1', 'Lou Fischer', 'DE', NULL), ('A-2', 'Noor Haddad', 'FR', NULL);
INSERT INTO devices VALUES ('D-1', 412), ('D-2', 1), ('D-3', 0);
INSERT INTO merchants VALUES ('M-1', 'DE', 0.05), ('M-2', 'MT', 0.55), ('M-3', 'KY', 0.9);
INSERT INTO watchlist VALUES ('Orion Trade Holdings', 'sanctions'), ('Viktor Sarnov', 'fraud ring');
INSERT INTO officers VALUES ('Ida Brandt', 1), ('Tomas Reyes', 0);

WITH RECURSIVE days (day) AS (SELECT 1 UNION ALL SELECT day + 1 FROM days WHERE day < 60)
INSERT INTO payments
SELECT account, day, 20 + (day * 37 + length(account) * 11) % 83
FROM days, (SELECT 'A-1' AS account UNION SELECT 'A-2');

INSERT INTO transactions VALUES
    ('T-1001', 'A-1', 'D-1', 'M-1', 'City Transport', 31.5),
    ('T-1002', 'A-2', 'D-2', 'M-2', 'Bluewater Games', 890.0),
    ('T-1003', 'A-2', 'D-3', 'M-3', 'Orion Trade Holding', 4200.0);
