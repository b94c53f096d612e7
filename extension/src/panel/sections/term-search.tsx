import { useEffect, useId, useRef, useState, type KeyboardEvent } from 'react';
import type { SegmentTerms, TermHit } from '@medsam2/protocol';
import { standsOut } from '@medsam2/protocol/colours';
import type { SegmentView } from '../../contract/work.js';
import { usePanel, useWork } from '../context.js';
import { hexOf } from '../format.js';

const typingPause = 150;

/**
 * What the segment is, in coded terms: an editable combobox with a list (ARIA Authoring Practices). Choosing a term sets
 * label and terms, and the colour unless another segment has one like it: organs side by side are often all brown.
 */
export function TermSearch({ segment }: { readonly segment: SegmentView }) {
  const { t, actions } = usePanel();
  const segments = useWork((state) => state.segments);
  const id = useId();
  const [query, setQuery] = useState<string>();
  const { hits, searched } = useHits(query);
  const [marked, setMarked] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const open = query !== undefined && searched;
  const option = (index: number) => `${id}-option-${index}`;

  useEffect(() => setMarked(0), [hits]);
  useEffect(() => {
    list.current?.children[marked]?.scrollIntoView?.({ block: 'nearest' });
  }, [marked, open]);

  const choose = (hit: TermHit | undefined) => {
    if (hit === undefined) return;
    setQuery(undefined);
    const others = segments.filter(({ id: other }) => other !== segment.id).map(({ colour }) => colour);
    const isOwn = standsOut(hit.colour, others) || !standsOut(segment.colour, others);
    const body = { label: hit.label, terms: hit.terms };
    void actions.changeSegment(segment.id, isOwn ? { ...body, colour: hit.colour } : body);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      if (query === undefined) setQuery('');
      else if (hits.length > 0) setMarked((marked + step + hits.length) % hits.length);
    } else if (event.key === 'Enter' && open) {
      event.preventDefault();
      choose(hits[marked]);
    } else if (event.key === 'Escape' && query !== undefined) {
      event.preventDefault();
      setQuery(undefined);
    }
  };

  return (
    <div
      className="m2-terms"
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) setQuery(undefined);
      }}
    >
      <label className="m2-field-label" htmlFor={`${id}-input`}>
        {t('panel.term')}
      </label>
      <input
        id={`${id}-input`}
        className="m2-input"
        role="combobox"
        aria-expanded={open}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={open && hits.length > 0 ? option(marked) : undefined}
        autoComplete="off"
        spellCheck={false}
        placeholder={t('panel.term.search')}
        value={query ?? describe(segment.terms)}
        data-cy="medsam2-term"
        onFocus={(event) => event.currentTarget.select()}
        onChange={(event) => setQuery(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <ul
        ref={list}
        id={`${id}-list`}
        className="m2-options"
        role="listbox"
        aria-label={t('panel.term.found')}
        hidden={!open || hits.length === 0}
      >
        {hits.map((hit, index) => (
          <li
            key={keyOf(hit)}
            id={option(index)}
            role="option"
            aria-selected={index === marked}
            data-cy="medsam2-term-option"
            onPointerDown={(event) => {
              event.preventDefault();
              choose(hit);
            }}
            onPointerMove={() => setMarked(index)}
          >
            <span className="m2-dot" style={{ background: hexOf(hit.colour) }} />
            <span className="m2-grow">
              {hit.label}
              <small>{describe(hit.terms)}</small>
            </span>
          </li>
        ))}
      </ul>
      <p role="status" className={open && hits.length === 0 ? 'm2-muted' : 'm2-sr'}>
        {open ? t(hits.length === 0 ? 'panel.term.none' : 'panel.term.count', { n: hits.length }) : ''}
      </p>
    </div>
  );
}

/** Answers that come after a newer question are dropped. */
function useHits(query: string | undefined): { readonly hits: readonly TermHit[]; readonly searched: boolean } {
  const { actions } = usePanel();
  const [found, setFound] = useState<{ readonly query: string; readonly hits: readonly TermHit[] }>();
  useEffect(() => {
    if (query === undefined) return setFound(undefined);
    let latest = true;
    const timer = setTimeout(() => {
      void actions.searchTerms(query.trim()).then((hits) => {
        if (latest) setFound({ query, hits });
      });
    }, typingPause);
    return () => {
      latest = false;
      clearTimeout(timer);
    };
  }, [query, actions]);
  return { hits: found?.hits ?? noHits, searched: found !== undefined };
}

const noHits: readonly TermHit[] = [];

const describe = ({ type, typeModifier, region, regionModifier }: SegmentTerms): string =>
  [typeModifier?.meaning, type.meaning, regionModifier?.meaning, region?.meaning]
    .filter((part) => part !== undefined)
    .join(', ');

const keyOf = ({ label, terms }: TermHit): string =>
  [label, terms.type, terms.typeModifier, terms.region, terms.regionModifier]
    .map((part) => (typeof part === 'string' ? part : (part?.value ?? '')))
    .join('|');
