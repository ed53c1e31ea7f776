CREATE EXTENSION temporal_pg;

CREATE TABLE account (name text PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0));
CREATE TABLE stock (item text PRIMARY KEY, quantity int NOT NULL CHECK (quantity >= 0));
CREATE TABLE journal (order_id text, step text, at timestamptz DEFAULT clock_timestamp());

INSERT INTO account VALUES ('ann', 100), ('bob', 100), ('shop', 0);
INSERT INTO stock VALUES ('lamp', 5);

-- The steps. Each writes into the journal, so that one done twice would show.

CREATE FUNCTION charge(order_id text, customer text, amount int) RETURNS void LANGUAGE sql AS $$
	UPDATE account SET balance = balance - amount WHERE name = customer;
	UPDATE account SET balance = balance + amount WHERE name = 'shop';
	INSERT INTO journal VALUES (order_id, 'charge');
$$;

CREATE FUNCTION refund(order_id text, customer text, amount int) RETURNS void LANGUAGE sql AS $$
	UPDATE account SET balance = balance + amount WHERE name = customer;
	UPDATE account SET balance = balance - amount WHERE name = 'shop';
	INSERT INTO journal VALUES (order_id, 'refund');
$$;

CREATE FUNCTION reserve(order_id text, what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	UPDATE stock SET quantity = quantity - 1 WHERE item = what;
	INSERT INTO journal VALUES (order_id, 'reserve');
	PERFORM pg_sleep(2);      -- a slow step, so that there is time to kill it half-way
END $$;

CREATE FUNCTION release(order_id text, what text) RETURNS void LANGUAGE sql AS $$
	UPDATE stock SET quantity = quantity + 1 WHERE item = what;
	INSERT INTO journal VALUES (order_id, 'release');
$$;

CREATE FUNCTION ship(order_id text, customer text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF customer = 'bob' THEN
		PERFORM temporal.raise_application_error('nobody lives there', type => 'UnknownAddress',
												 non_retryable => true);
	END IF;
	INSERT INTO journal VALUES (order_id, 'ship');
	RETURN 'parcel for ' || customer;
END $$;
