// A signature, drawn with a finger, a pen or a mouse. Each stroke is stored at once; what is not enough is refused.
import { useEffect, useRef, useState } from "preact/hooks";
import { isRequired } from "../../domain/facts/check.ts";
import { isSignatureLike, type Point, SIGNATURE_HEIGHT, SIGNATURE_WIDTH } from "../../domain/signature.ts";
import { saveSignature } from "../../domain/signature_file.ts";
import { localized, t } from "../../i18n/texts.ts";
import { ActionButton, errorText, Notice } from "../components.tsx";
import { AttachmentPicture } from "./attachment_picture.tsx";
import { describedBy, type FieldProps, HelpAndFault, idOf, Title, useFault, useForm } from "./form_context.tsx";
import { textOf } from "./object_value.ts";

const INK_PX = 5;

export function SignatureFact(props: FieldProps) {
  const { fact, path } = props;
  const [isDrawing, setDrawing] = useState(false); // shown as canvas although a signature is stored
  const attachment = textOf(props.value, "signature");
  const id = idOf(path);
  const fault = useFault(path);
  const help = fact.help ? localized(fact.help) : undefined;
  return (
    <fieldset class="field" id={id} tabIndex={-1} aria-describedby={describedBy(id, true, fault)}>
      <legend>
        <Title text={localized(fact.titles)} optional={!isRequired(fact)} />
      </legend>
      <HelpAndFault id={id} help={[help, t("signature.help")].filter(Boolean).join(" ")} />
      {attachment && !isDrawing ? (
        <>
          <AttachmentPicture id={attachment} alt={localized(fact.titles)} signature />
          <ActionButton
            label={t("signature.again")}
            action={() => {
              props.onChange(() => null);
              setDrawing(true);
            }}
          />
        </>
      ) : (
        <SignaturePad {...props} onBegin={() => setDrawing(true)} />
      )}
      <HelpAndFault id={id} fault={fault} />
    </fieldset>
  );
}

function SignaturePad(props: FieldProps & { onBegin: () => void }) {
  const form = useForm();
  const canvas = useRef<HTMLCanvasElement>(null);
  const strokes = useRef<Point[][]>([]);
  const latest = useRef(0);
  const [count, setCount] = useState(0);
  const [error, setError] = useState("");
  useEffect(() => draw(canvas.current!, strokes.current), []);

  const store = async (turn: number): Promise<void> => {
    try {
      const attachment = await saveSignature(form.caseId, canvas.current!);
      if (turn !== latest.current) return;
      props.onChange(() => ({ signature: attachment }));
      props.onLeave(props.path);
    } catch (caught) {
      setError(errorText(caught));
    }
  };
  /** After each stroke: what is no signature takes the answer away. */
  const update = (): void => {
    const turn = ++latest.current;
    setCount(strokes.current.length);
    setError("");
    draw(canvas.current!, strokes.current);
    if (!isSignatureLike(strokes.current)) {
      props.onChange(() => null);
      if (strokes.current.length) setError(t("signature.too_small"));
      return;
    }
    const saving = store(turn);
    form.saving.add(saving);
    void saving.finally(() => form.saving.delete(saving));
  };
  const begin = (event: PointerEvent) => {
    if (event.button !== 0 || !event.isPrimary) return; // the hand may lie on the screen
    event.preventDefault();
    props.onBegin();
    canvas.current!.setPointerCapture(event.pointerId);
    strokes.current.push([pointOf(event, canvas.current!)]);
    draw(canvas.current!, strokes.current);
  };
  const move = (event: PointerEvent) => {
    if (!canvas.current!.hasPointerCapture(event.pointerId)) return;
    const events = event.getCoalescedEvents?.() ?? [];
    const stroke = strokes.current.at(-1)!;
    for (const part of events.length ? events : [event]) stroke.push(pointOf(part, canvas.current!));
    draw(canvas.current!, strokes.current);
  };
  const takeBack = (all: boolean) => {
    strokes.current = all ? [] : strokes.current.slice(0, -1);
    update();
  };
  return (
    <>
      <canvas
        ref={canvas}
        class="pad"
        width={SIGNATURE_WIDTH}
        height={SIGNATURE_HEIGHT}
        role="img"
        aria-label={t("signature.pad")}
        data-strokes={count}
        onPointerDown={begin}
        onPointerMove={move}
        onPointerUp={update}
        onPointerCancel={update}
      />
      {error && <Notice tone="bad">{error}</Notice>}
      <div class="row">
        <ActionButton label={t("signature.undo")} disabled={!count} action={() => takeBack(false)} />
        <ActionButton label={t("signature.clear")} disabled={!count} action={() => takeBack(true)} />
      </div>
    </>
  );
}

/** In pixels of the stored picture. */
function pointOf(event: PointerEvent, canvas: HTMLCanvasElement): Point {
  const box = canvas.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * SIGNATURE_WIDTH;
  const y = ((event.clientY - box.top) / box.height) * SIGNATURE_HEIGHT;
  return { x: Math.round(x), y: Math.round(y) };
}

/** Black on white, in each theme: it is printed so. */
function draw(canvas: HTMLCanvasElement, strokes: readonly Point[][]): void {
  const context = canvas.getContext("2d")!;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, SIGNATURE_WIDTH, SIGNATURE_HEIGHT);
  context.strokeStyle = "#000";
  context.lineWidth = INK_PX;
  context.lineCap = context.lineJoin = "round";
  for (const stroke of strokes) {
    context.beginPath();
    context.moveTo(stroke[0]!.x, stroke[0]!.y);
    for (const point of stroke) context.lineTo(point.x, point.y);
    context.stroke();
  }
}
