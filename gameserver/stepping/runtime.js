/**
 * Python operations that JavaScript lacks; generated step code contains those that it uses.  An int
 * is a safe integer and never -0; a float is any number.
 */

/** The result of integer arithmetic, within ±(2^53 - 1). @param {number} value @returns {number} */
function $int(value) {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is outside ±(2^53 - 1)`);
  return value + 0; // -0 becomes 0
}

/** `a // b` of ints. @param {number} a @param {number} b @returns {number} */
function $floorDivide(a, b) {
  if (b === 0) throw new RangeError("division by zero");
  return Math.floor(a / b) + 0;
}

/** `a % b` of ints, with the sign of `b`. @param {number} a @param {number} b @returns {number} */
function $modulo(a, b) {
  if (b === 0) throw new RangeError("division by zero");
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest + 0;
}

/** `a / b`. @param {number} a @param {number} b @returns {number} */
function $divide(a, b) {
  if (b === 0) throw new RangeError("division by zero");
  return a / b;
}

/** `a // b` of floats. @param {number} a @param {number} b @returns {number} */
function $floatFloorDivide(a, b) {
  if (b === 0) throw new RangeError("division by zero");
  let rest = a % b;
  let quotient = (a - rest) / b;
  if (rest !== 0 && rest < 0 !== b < 0) {
    rest += b;
    quotient -= 1;
  }
  if (quotient === 0) return $signedZero(a / b);
  const floor = Math.floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

/** `a % b` of floats. @param {number} a @param {number} b @returns {number} */
function $floatModulo(a, b) {
  if (b === 0) throw new RangeError("division by zero");
  const rest = a % b;
  if (rest === 0) return $signedZero(b);
  return rest < 0 !== b < 0 ? rest + b : rest;
}

/** 0 with the sign of `value`. @param {number} value @returns {number} */
function $signedZero(value) {
  return value < 0 || Object.is(value, -0) ? -0 : 0;
}

/** `a << b`, beyond 32 bits too. @param {number} a @param {number} b @returns {number} */
function $shiftLeft(a, b) {
  if (b < 0) throw new RangeError("negative shift count");
  return a === 0 ? 0 : $int(a * 2 ** b);
}

/** `a >> b`, beyond 32 bits too. @param {number} a @param {number} b @returns {number} */
function $shiftRight(a, b) {
  if (b < 0) throw new RangeError("negative shift count");
  return Math.floor(a / 2 ** Math.min(b, 64));
}

/** `a & b`, beyond 32 bits too. @param {number} a @param {number} b @returns {number} */
function $and(a, b) {
  if ((a | 0) === a && (b | 0) === b) return a & b;
  return $int(Number(BigInt(a) & BigInt(b)));
}

/** `a | b`, beyond 32 bits too. @param {number} a @param {number} b @returns {number} */
function $or(a, b) {
  if ((a | 0) === a && (b | 0) === b) return a | b;
  return $int(Number(BigInt(a) | BigInt(b)));
}

/** `a ^ b`, beyond 32 bits too. @param {number} a @param {number} b @returns {number} */
function $xor(a, b) {
  if ((a | 0) === a && (b | 0) === b) return a ^ b;
  return $int(Number(BigInt(a) ^ BigInt(b)));
}

/** `base ** exponent` of ints. @param {number} base @param {number} exponent @returns {number} */
function $power(base, exponent) {
  let product = 1;
  for (let left = exponent; left > 0; left -= 1) product = $int(product * base);
  return product;
}

/** A float as an int, halves to even. @param {number} value @returns {number} */
function $round(value) {
  const floor = Math.floor(value);
  const over = value - floor;
  return $int(over < 0.5 || (over === 0.5 && floor % 2 === 0) ? floor : floor + 1);
}

/** `math.sqrt`. @param {number} value @returns {number} */
function $sqrt(value) {
  if (value < 0) throw new RangeError("the square root of a negative number");
  return Math.sqrt(value);
}

/** `math.isqrt`. @param {number} value @returns {number} */
function $isqrt(value) {
  let root = Math.floor($sqrt(value));
  while (root * root > value) root -= 1;
  while ((root + 1) * (root + 1) <= value) root += 1;
  return root;
}

/**
 * `min` of floats: the first of equals.
 * @param {number} first
 * @param {number[]} rest
 * @returns {number}
 */
function $least(first, ...rest) {
  let least = first;
  for (const value of rest) if (value < least) least = value;
  return least;
}

/**
 * `max` of floats: the first of equals.
 * @param {number} first
 * @param {number[]} rest
 * @returns {number}
 */
function $most(first, ...rest) {
  let most = first;
  for (const value of rest) if (value > most) most = value;
  return most;
}

/**
 * `values[index]`: from the end below 0, and nothing beyond.
 * @template Value
 * @param {readonly Value[]} values
 * @param {number} index
 * @returns {Value}
 */
function $element(values, index) {
  const at = index < 0 ? index + values.length : index;
  if (at < 0 || at >= values.length) throw new RangeError(`there is no element ${index}`);
  return /** @type {Value} */ (values[at]);
}
