import type { Analysis, Landmark } from "../api";
import { CONNECTIONS, isFaint, sideOf } from "../skeleton";

/** The body drawn in the photo's own pixels, so that it scales with the photo beneath. */
export function Skeleton({ image: { width, height }, landmarks }: Pick<Analysis, "image" | "landmarks">) {
  const unit = Math.max(width, height) / 100;
  const at = ({ x, y }: Landmark) => ({ x: x * width, y: y * height });

  return (
    <svg
      className="skeleton"
      data-testid="skeleton"
      data-landmarks={landmarks.length}
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={`Skeleton of ${landmarks.length} points`}
    >
      {CONNECTIONS.map(([from, to]) => {
        const [a, b] = [landmarks[from], landmarks[to]];
        return a && b && <Bone key={`${from}-${to}`} a={a} b={b} at={at} width={unit * 0.55} />;
      })}
      {landmarks.map((landmark, index) => {
        const { x, y } = at(landmark);
        const className = `point ${sideOf(landmark)}${isFaint(landmark) ? " faint" : ""}`;
        return (
          <circle key={landmark.name} className={className} cx={x} cy={y} r={unit * radiusOf(index)} strokeWidth={unit * 0.2}>
            <title>{`${landmark.name.replaceAll("_", " ")}, ${Math.round(landmark.visibility * 100)} % visible`}</title>
          </circle>
        );
      })}
    </svg>
  );
}

interface BoneProps {
  a: Landmark;
  b: Landmark;
  at: (landmark: Landmark) => { x: number; y: number };
  width: number;
}

function Bone({ a, b, at, width }: BoneProps) {
  const side = sideOf(a) === sideOf(b) ? sideOf(a) : "middle";
  const [from, to] = [at(a), at(b)];
  const line = { x1: from.x, y1: from.y, x2: to.x, y2: to.y };
  return (
    <g className={`bone ${side}${isFaint(a, b) ? " faint" : ""}`}>
      {/* A dark edge keeps the line visible on snow. */}
      <line className="edge" {...line} strokeWidth={width * 1.8} />
      <line {...line} strokeWidth={width} />
    </g>
  );
}

/** The eleven points of the face lie close together and are drawn small. */
const radiusOf = (index: number) => (index <= 10 ? 0.35 : 0.75);
