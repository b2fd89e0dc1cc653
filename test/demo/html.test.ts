import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { html } from '../../demo/html.js';

const unescaped = (markup: string) => markup.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));

describe('html', () => {
  test('no text can leave the place that it was put in', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'<>"\'&;#/a=') }), (text) => {
        const markup = `${html`${text}`}`;
        expect(markup).not.toMatch(/[<>"']|&(?!#\d+;)/);
        expect(unescaped(markup)).toBe(text);
      }),
    );
  });

  test('markup inside markup stays as it is, lists of it are joined, and nothing is nothing', () => {
    const items = ['a', '<b>'].map((text) => html`<li>${text}</li>`);
    expect(`${html`<ul>${items}${undefined}</ul>${0}`}`).toBe('<ul><li>a</li><li>&#60;b&#62;</li></ul>0');
  });
});
