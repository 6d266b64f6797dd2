-- The five clips that look most like the beginning of the final.
SELECT other.address, other.start_sec, other.end_sec, 1 - (other.vector <=> clip.vector) AS score
FROM games AS clip
JOIN games AS other ON other.option = clip.option AND other.key <> clip.key
WHERE clip.stack = 'game-vectors'
  AND clip.address = 'embeddings/clips/final'
  AND clip.option = 'visual'
  AND clip.start_sec = 0
ORDER BY other.vector <=> clip.vector
LIMIT 5;
