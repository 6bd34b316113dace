// The wall by itself; what it is stands in wall.js, which other parts use too.

export default mounting(HeadWall);
