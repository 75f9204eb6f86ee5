// What the stand prints: the document and the receipt of a case, on the letterhead of the authority.

import { useMemo } from "preact/hooks";
import { encodeQR } from "qr";
import { dayOf, formatEuro } from "../domain/fees.ts";
import { contentOf, type PaperText, paperText, printedDay } from "../domain/printed_content.ts";
import { tIn } from "../i18n/texts.ts";
import type { CaseView, Letterhead, PrintedTable } from "../model/types.ts";

export interface SheetProps {
  view: CaseView;
  authority: string; // its name where there is no letterhead
  letterhead: Letterhead | undefined;
  place: string; // of the stand
}

type Pair = readonly [string, string];

const svgUrl = (svg: string): string => `data:image/svg+xml,${encodeURIComponent(svg)}`;
const withText = (pairs: Pair[]): Pair[] => pairs.filter(([, value]) => value);

/** Prints one sheet alone, so that its pages are counted alone. */
export function printSheet(name: "paper" | "receipt"): void {
  document.body.dataset["sheet"] = name;
  print();
  delete document.body.dataset["sheet"];
}

function Head(props: SheetProps) {
  const { letterhead } = props;
  const { language } = props.view;
  if (!letterhead) return <p class="authority">{props.authority}</p>;
  const name = letterhead.name[language];
  return (
    <div class="letterhead">
      <img src={svgUrl(letterhead.arms)} alt={`${paperText(language, "arms")}: ${name}`} />
      <p class="authority">
        <b>{name}</b>
        <br />
        {letterhead.department[language]}
      </p>
      <p class="address">
        {letterhead.street}
        <br />
        {letterhead.postal_code} {letterhead.place}
        <br />
        {paperText(language, "phone")} {letterhead.phone}
        <br />
        {letterhead.email}
        <br />
        {letterhead.web}
      </p>
    </div>
  );
}

function Pairs(props: { name: "references" | "pairs"; pairs: Pair[] }) {
  return (
    <dl class={props.name}>
      {withText(props.pairs).map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

const placeAndDay = (letterhead: Letterhead | undefined, place: string, day: string): string =>
  [letterhead?.place, place, day].filter(Boolean).join(", ");

export function ReceiptSheet(props: SheetProps) {
  const { view, letterhead } = props;
  const paid = view.paid!;
  const { language } = view;
  const label = (key: string) => tIn(language, key);
  const day = printedDay(dayOf(paid.at), language);
  return (
    <section class="sheet receipt" lang={language}>
      <Head {...props} />
      <Pairs
        name="references"
        pairs={[
          [paperText(language, "file_number"), view.number],
          [label("receipt.number"), paid.receipt],
          [label("receipt.till"), paid.till ?? ""],
          [paperText(language, "place_and_day"), placeAndDay(letterhead, props.place, day)],
        ]}
      />
      <h3>{label("receipt.heading")}</h3>
      <p>{view.edition.titles[language]}</p>
      <table>
        <caption class="unseen">{label("receipt.heading")}</caption>
        <thead>
          <tr>
            <th scope="col">{label("receipt.fee")}</th>
            <th scope="col">{paperText(language, "law")}</th>
            <th scope="col" class="amount">
              {label("receipt.amount")}
            </th>
          </tr>
        </thead>
        <tbody>
          {paid.lines.map((line) => (
            <tr key={line.titles.de}>
              <th scope="row">{line.titles[language]}</th>
              <td>{line.law ?? ""}</td>
              <td class="amount">{formatEuro(line.cents, language)}</td>
            </tr>
          ))}
          <tr class="total">
            <th scope="row" colSpan={2}>
              {label("receipt.sum")}
            </th>
            <td class="amount">{formatEuro(paid.cents, language)}</td>
          </tr>
        </tbody>
      </table>
      <p>
        {label("receipt.paid")}: {label(`payment.${paid.payment}`)}
      </p>
    </section>
  );
}

export function DocumentSheet(props: SheetProps) {
  const { view, letterhead } = props;
  const { language } = view;
  const issued = view.paper!;
  const content = contentOf(issued, language);
  const code = useMemo(() => svgUrl(encodeQR(issued.stamp, "svg", { ecc: "medium", border: 4 })), [issued.stamp]);
  const paperLabel = (key: PaperText) => paperText(language, key);
  const notice = letterhead
    ? tIn(language, "paper.at_stand", { verify_at: letterhead.verify_at })
    : tIn(language, "paper.at_stand_short");
  const isDecision = content.kind === "notice";
  return (
    <article class="sheet paper" lang={language}>
      <Head {...props} />
      <Pairs
        name="references"
        pairs={[
          [paperLabel("file_number"), content.file_number],
          [paperLabel("document_number"), content.number],
          [paperLabel("officer"), content.officer],
          [paperLabel("place_and_day"), placeAndDay(letterhead, content.place, content.issued_on)],
        ]}
      />
      <h3>{content.title}</h3>
      {isDecision && <h4>{paperLabel("operative")}</h4>}
      {content.intro && <p>{content.intro}</p>}
      <Pairs name="pairs" pairs={[...content.rows, [paperLabel("valid_until"), content.valid_until]]} />
      {content.tables.map((table) => (
        <PaperTable key={table.title} table={table} />
      ))}
      <Named label={paperLabel("law")} text={content.law} />
      <Named label={paperLabel("fee")} text={content.fee} />
      <Part title={paperLabel("reasons")} text={content.reasons || (isDecision ? paperLabel("no_reasons") : "")} />
      <Part title={paperLabel("remedies")} text={content.remedies} />
      {content.notes.length > 0 && <h4>{paperLabel("notes")}</h4>}
      {content.notes.map((note) => (
        <p key={note}>{note}</p>
      ))}
      <div class="closing">
        <div>
          {letterhead && (
            <p>
              <b>{letterhead.head[language]}</b>
            </p>
          )}
          <p>{notice}</p>
        </div>
        <img class="code" src={code} alt={paperLabel("code")} data-testid="code" data-stamp={issued.stamp} />
      </div>
    </article>
  );
}

const Named = (props: { label: string; text: string }) =>
  props.text ? (
    <p>
      <small>{props.label}:</small> {props.text}
    </p>
  ) : null;

const Part = (props: { title: string; text: string }) =>
  props.text ? (
    <>
      <h4>{props.title}</h4>
      <p>{props.text}</p>
    </>
  ) : null;

function PaperTable(props: { table: PrintedTable }) {
  const { title, columns, rows } = props.table;
  return (
    <table>
      <caption>{title}</caption>
      <thead>
        <tr>
          {columns.map((column) => (
            <th key={column} scope="col">
              {column}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.join("|")}>
            {row.map((cell, place) => (
              <td key={columns[place]}>{cell}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
