CREATE INDEX timer_compensation ON timer (shard, entity, operation) WHERE kind = 'payment.compensation';
COMMENT ON INDEX timer_compensation IS 'Captures that nobody wanted and that nobody has given back, for operators.';
