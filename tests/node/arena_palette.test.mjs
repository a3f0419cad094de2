// The pilot colours can be told apart with any colour vision, and on the dark ground.

import assert from "node:assert/strict";
import test from "node:test";

import {
  channels,
  colourOf,
  mixed,
  NEUTRAL,
  PALETTE,
  withAlpha,
} from "../../clients/web/arena/palette.js";

/** Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB. */
const SIGHTS = {
  normal: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  protanopia: [
    0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998,
  ],
  deuteranopia: [
    0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881,
  ],
  tritanopia: [
    1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039,
  ],
};

/** A difference that one just sees is about 0.02 in OKLab. */
const LEAST_DISTANCE = { normal: 0.12, protanopia: 0.07, deuteranopia: 0.07, tritanopia: 0.07 };

function linear(channel) {
  const value = channel / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}

/** Björn Ottosson's OKLab (2020) of linear RGB. */
function okLab([red, green, blue]) {
  const l = Math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue);
  const m = Math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue);
  const s = Math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function seen(hex, matrix) {
  const rgb = channels(hex).map(linear);
  const row = (at) =>
    matrix.slice(at, at + 3).reduce((sum, part, index) => sum + part * rgb[index], 0);
  return okLab([row(0), row(3), row(6)].map((value) => Math.min(Math.max(value, 0), 1)));
}

test("there are twelve colours, as the game has", () => {
  assert.equal(PALETTE.length, 12);
  assert.equal(new Set(PALETTE.map(({ name }) => name)).size, 12);
});

for (const [sight, matrix] of Object.entries(SIGHTS)) {
  test(`any two colours differ with ${sight}`, () => {
    const points = PALETTE.map(({ name, hex }) => ({ name, point: seen(hex, matrix) }));
    for (const [index, one] of points.entries()) {
      for (const other of points.slice(index + 1)) {
        const distance = Math.hypot(...one.point.map((value, at) => value - other.point[at]));
        assert.ok(distance >= LEAST_DISTANCE[sight], `${one.name} and ${other.name}: ${distance}`);
      }
    }
  });
}

test("every colour stands out from the ground (WCAG 2.2, 1.4.11: 3 to 1)", () => {
  const luminance = (hex) => {
    const [red, green, blue] = channels(hex).map(linear);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  for (const { name, hex } of PALETTE) {
    const ratio = (luminance(hex) + 0.05) / (luminance("#060a14") + 0.05);
    assert.ok(ratio > 4.5, `${name}: ${ratio}`);
  }
});

test("a colour that is none is neutral", () => {
  assert.equal(colourOf(0), PALETTE[0].hex);
  for (const index of [-1, 12, NaN]) assert.equal(colourOf(index), NEUTRAL);
});

test("shades", () => {
  assert.equal(withAlpha("#10FF80", 0.5), "rgba(16,255,128,0.5)");
  assert.equal(mixed("#000000", "#FFFFFF", 0.5), "rgb(128,128,128)");
});
