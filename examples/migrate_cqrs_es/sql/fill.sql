-- 50 accounts: opened, two deposits, and every second one closed. Each step is done for all
-- accounts before the next, and the metadata says when.
INSERT INTO events
SELECT
    'account',
    'ACCT-' || lpad(number::text, 4, '0'),
    sequence,
    (ARRAY['AccountOpened', 'CustomerDepositedMoney', 'CustomerDepositedMoney', 'Closed'])[sequence],
    '1.0',
    CASE sequence
        WHEN 1 THEN json_build_object('AccountOpened', json_build_object('owner', 'owner ' || number))
        WHEN 4 THEN '"Closed"'
        ELSE json_build_object('CustomerDepositedMoney', json_build_object('cents', 100 * sequence))
    END,
    json_build_object(
        'time', to_char(
            timestamp '2026-01-31 12:00:00' + sequence * interval '1 hour' + number * interval '1 second',
            'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
        ),
        'user', 'teller ' || number % 3
    )
FROM generate_series(1, 50) AS number, generate_series(1, 4) AS sequence
WHERE sequence < 4 OR number % 2 = 0;
